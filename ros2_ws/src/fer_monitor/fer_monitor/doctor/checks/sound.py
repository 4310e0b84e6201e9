"""The voice and the loudspeaker, by the robot's own code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_monitor.doctor.finding import Finding, fail, ok, warn
from fer_monitor.doctor.world import ProbeError, World, ask

_LOG = "or start with --speech log"


def examine(world: World) -> list[Finding]:
    """Whether something is said, and whether it can be heard."""
    try:
        heard = ask(world, "sound", limit_s=5.0)
    except ProbeError as error:
        return [fail(f"the voice was not tried ({error})", f"{world.setup}, {_LOG}")]
    found = [_voice(world, heard), _loudspeaker(world, heard)]
    if heard.get("piper_voice"):
        found.append(_piper(heard))
    return found


def _voice(world: World, heard: Mapping[str, Any]) -> Finding:
    if heard["voice_error"]:
        return fail(heard["voice_error"], f"{world.setup}, {_LOG}", "voice")
    if heard["languages_missing"]:
        text = f"eSpeak NG has no voice for: {', '.join(heard['languages_missing'])}"
        return warn(text, "sudo apt install espeak-ng-data", "voice")
    return ok(f"eSpeak NG said a sentence in {heard['voice_ms']:.0f} ms", "voice")


def _loudspeaker(world: World, heard: Mapping[str, Any]) -> Finding:
    error = heard["loudspeaker_error"]
    name = "loudspeaker"
    if not error:
        return ok(f"the ALSA device '{heard['device']}' takes sound", name)
    return warn(f"nothing will be heard: {error}", _cure(world, error.lower()), name)


def _cure(world: World, error: str) -> str:
    cards, server = world.text("/proc/asound/cards"), server_of(world)
    log_in = "then log out and in again"
    cures = (
        ("libasound" in error, "sudo apt install libasound2 (Ubuntu 24.04: libasound2t64)"),
        ("busy" in error, "`fuser -v /dev/snd/*` names the program that has it; end that"),
        ("denied" in error, f"sudo usermod -aG audio $USER, {log_in}"),
        (bool(server), f"sudo apt install libasound2-plugins, through which {server} is reached"),
        (not cards or "no soundcards" in cards, f"there is no sound card: plug one in, {_LOG}"),
    )
    last = "`aplay -l` lists the cards; name one in robot.yaml as audio_device"
    return next((cure for applies, cure in cures if applies), last)


def server_of(world: World) -> str:
    """The sound server of the desktop that runs, PulseAudio or PipeWire; empty: none."""
    running = {world.text(f"/proc/{p.name}/comm") for p in world.file("/proc").glob("[0-9]*")}
    for comm, name in (("pipewire", "PipeWire"), ("pulseaudio", "PulseAudio")):
        if comm in running:
            return name
    return ""


def _piper(heard: Mapping[str, Any]) -> Finding:
    if heard["piper_error"]:
        remedy = "mend the parameter piper_voice in robot.yaml; "
        return fail(heard["piper_error"], remedy + "`pip install piper-tts` runs it", "piper")
    return ok(f"piper speaks with {heard['piper_voice']}", "piper")
