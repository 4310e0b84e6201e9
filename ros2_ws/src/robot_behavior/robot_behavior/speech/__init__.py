"""Turns text into sound, and sound into something to hear.

A voice is a module here and a line below, or an entry point of another package:

    [project.entry-points."robot_behavior.voices"]
    mine = "my_package.my_module:MyVoice"

It is called with `robot_behavior.speech.voice.VoiceSettings` and returns a
`robot_behavior.speech.voice.Voice`.
"""

from ec_rfernet.registry import Registry


def _is_voice(made: object) -> bool:
    from robot_behavior.speech.voice import Voice

    return isinstance(made, Voice)


VOICES: Registry = Registry(
    "voice",
    "robot_behavior.voices",
    {
        "espeak": "robot_behavior.speech.espeak:EspeakVoice",
        "piper": "robot_behavior.speech.piper:NeuralVoice",
        "naoqi": "robot_behavior.robots.nao.voice:NaoqiVoice",
        "unitree": "robot_behavior.robots.unitree_g1.driver:G1Voice",
        "log": "robot_behavior.speech.voice:LogVoice",
    },
    makes=_is_voice,
)

DEFAULT_VOICE = "espeak"

SPEAKS, SPEAKS_BETTER = "voice", "better voice"
"""Under these a speech node tells on ``/diagnostics`` who speaks, and how to get a better voice."""
