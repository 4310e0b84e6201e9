"""The view over real topics."""

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray
from rclpy.node import Node
from std_msgs.msg import String

from fer_bringup.journal import Answered, Journal, Screen
from fer_bringup.view_node import ViewNode
from fer_common.camera import IMAGES_EXPECTED
from fer_common.qos import EVENTS, LATCHED
from fer_common.testing import spin_until, spinning


class Recorder(Screen):
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.answers: list[Answered] = []
        self.drawn = 0

    def line(self, text: str) -> None:
        self.lines.append(text)

    seen = line

    def answered(self, answer: Answered) -> None:
        self.answers.append(answer)

    def draw(self, journal: Journal) -> None:
        self.drawn += 1


def test_keeps_the_journal_of_what_is_published() -> None:
    screen = Recorder()
    with spinning(lambda: ViewNode(screen), lambda: Node("robot")) as (executor, (view, robot)):
        assert isinstance(view, ViewNode)
        emotions = robot.create_publisher(EmotionArray, "emotions", EVENTS)
        emotion = robot.create_publisher(Emotion, "emotion", EVENTS)
        state = robot.create_publisher(BehaviorState, "behavior_state", LATCHED)
        speech = robot.create_publisher(String, "speech", EVENTS)
        health = robot.create_publisher(DiagnosticArray, "/diagnostics", EVENTS)
        publishers = (emotions, emotion, state, speech, health)
        assert spin_until(executor, lambda: all(p.get_subscription_count() for p in publishers))

        stamp: Time = robot.get_clock().now().to_msg()
        labels = ["happy", "contempt"]
        happy = Emotion(
            label=Emotion.HAPPY, confidence=0.9, labels=labels, probabilities=[0.9, 0.1]
        )
        array = EmotionArray(emotions=[happy], labels=labels)
        array.header.stamp = stamp
        emotions.publish(array)
        emotion.publish(happy)
        speech.publish(String(data="Hello!"))
        speech.publish(String(data=""))
        state.publish(
            BehaviorState(state="responding", emotion="happy", motion="nod", speech="Hello!")
        )
        wrong = DiagnosticStatus(
            name="fer_node: expressions",
            level=DiagnosticStatus.WARN,
            message="too dark",
            values=[KeyValue(key=IMAGES_EXPECTED, value="no")],
        )
        health.publish(DiagnosticArray(status=[DiagnosticStatus(name="other: thing"), wrong]))

        journal = view.journal
        assert spin_until(executor, lambda: screen.answers and journal.moment.problem)
        assert spin_until(executor, lambda: journal.summary().frames and journal.moment.label)
        assert spin_until(executor, lambda: journal.summary().said)
        assert journal.moment.faces == 1
        assert screen.answers[0].reason is None
        assert journal.moment.problem == "too dark"
        assert not journal.moment.expects_images
        assert journal.moment.labels == ("happy", "contempt")
        assert journal.summary().said == ("Hello!",)
        assert 0 <= journal.summary().median_s < 5
        assert spin_until(executor, lambda: screen.drawn)


def test_what_somebody_asks_for_is_shown_and_what_is_not_in_order() -> None:
    screen = Recorder()
    with spinning(lambda: ViewNode(screen), lambda: Node("robot")) as (executor, (view, robot)):
        assert isinstance(view, ViewNode)
        speech = robot.create_publisher(String, "speech", EVENTS)
        health = robot.create_publisher(DiagnosticArray, "/diagnostics", EVENTS)
        publishers = (speech, health)
        assert spin_until(executor, lambda: all(p.get_subscription_count() for p in publishers))
        journal = view.journal
        speech.publish(String(data="Hello!"))
        assert spin_until(executor, lambda: screen.answers)
        assert screen.answers[-1].what == "asked for: “Hello!”"
        assert journal.moment.speech == "Hello!"
        speech.publish(String(data=""))
        assert spin_until(executor, lambda: journal.moment.speech is None)

        playing = DiagnosticStatus(
            name="motion_player: motions", values=[KeyValue(key="motion", value="nod")]
        )
        health.publish(DiagnosticArray(status=[playing]))
        assert spin_until(executor, lambda: journal.moment.motion == "nod")
        assert screen.answers[-1].what == "asked for: nod"

        absent = DiagnosticStatus(
            name="motion_player: motions", level=DiagnosticStatus.ERROR, message="no robot listens"
        )
        health.publish(DiagnosticArray(status=[absent, absent]))
        assert spin_until(executor, lambda: journal.moment.trouble)
        assert journal.moment.trouble == "motion_player: no robot listens"
        assert screen.lines.count("motion_player: no robot listens") == 1
        assert journal.moment.motion is None
        health.publish(DiagnosticArray(status=[playing, absent]))  # of one moment
        assert spin_until(executor, lambda: not journal.moment.trouble)
