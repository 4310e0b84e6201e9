"""The sentences of model cards, once for all bundles."""

from __future__ import annotations

ARCHITECTURES = {
    "ec_rfernet": (
        "EC-RFERNet",
        "Architecture: Sun et al., *Signal, Image and Video Processing* (2023), "
        "doi:10.1007/s11760-023-02832-4; independent implementation.",
    ),
    "emotionnet_nano_a": (
        "EmotionNet Nano, the larger variant A",
        "Architecture after Lee, Wang and Wong, *Frontiers in Artificial Intelligence* 3 (2021), "
        "arXiv:2006.15759; the published description is incomplete, and widths, normalisation and "
        "input size are reconstructed, so its figures are not those of the authors' network.",
    ),
    "emotionnet_nano_b": (
        "EmotionNet Nano, the smaller variant B",
        "Architecture after Lee, Wang and Wong, *Frontiers in Artificial Intelligence* 3 (2021), "
        "arXiv:2006.15759; the published description is incomplete, and widths, normalisation and "
        "input size are reconstructed, so its figures are not those of the authors' network.",
    ),
}
"""Title and reference by the name of the network."""

DATASET_NAMES = {
    "fer2013": "FER2013",
    "rafdb": "RAF-DB",
    "ckplus": "CK+",
    "affectnet7": "AffectNet, 7 classes,",
    "affectnet8": "AffectNet, 8 classes,",
    "sfew": "SFEW",
}

SPLIT_NAMES = {"public": "PublicTest", "validation": "validation part"}

VALIDATION = (
    "Settings were chosen with these images in view, and temperature and reject threshold were "
    "fitted on them: the figures are those of validation data.",
    "No test split was used for anything.",
)
"""What the measured figures are."""

DATASET_LIMITS = {
    "fer2013": (
        "Web pictures, many of them posed, of uneven quality: FER2013's label agrees with the "
        "majority of FER+'s taggers on 62 % of the images. Expect a lower accuracy on the "
        "faces in front of a robot.",
        "`disgusted` is rare in the data; `scared`, `sad` and `neutral` are often taken for "
        "each other, by people too.",
    ),
}
"""What is known of networks trained on a data set."""

LIMITS = (
    "Spontaneous expressions are weaker and more mixed than posed ones, and harder for such "
    "networks: eight commercial systems were right on 49 to 62 % of more than 900 videos of "
    "expressions, less often than people (Dupré et al., PLOS ONE 15, 2020).",
    "Heads turned or tilted by more than about 30 degrees have not been measured and are "
    "reported to fail for such networks. The robot judges neither faces that are turned away "
    "by more than about 40 degrees nor faces narrower than 32 pixels.",
    "Fairness across age, gender and ethnicity has not been measured. For networks trained on "
    "such data gaps are documented, among them older people's neutral faces taken for sad or "
    "angry.",
    "Valence and arousal are derived: the probability-weighted mean of the published ratings "
    "of the emotion words (Russell & Mehrabian, 1977). No network measures them, and mixtures "
    "of opposite expressions cancel out.",
)

CORRUPTION_TEXT = (
    "Accuracy of the single crop when the pictures are changed as cameras and people change them "
    "(`evaluate --corruptions`). Light is everyday, middle is common on a robot, strong is at "
    "the edge of what a person still recognises; the strengths were set before anything was "
    "measured. A real camera does several of these things at once."
)

USE = (
    "Intended: research and teaching on how a robot may react to expressions, demonstrations, "
    "play; by people who know that a camera looks at them. An expression is what a face shows, "
    "not what a person feels.",
    "Not intended, and in part prohibited: decisions about people; hiring, grading, policing, "
    "health or safety; in the European Union any use at the workplace or in education (AI Act, "
    "Article 5(1)(f)) other than for medical or safety reasons.",
)
