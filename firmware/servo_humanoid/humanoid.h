// What the robot may do: limits, the way to rest, the stop. Knows nothing of the hardware.
//
// Positions are pulse widths in ticks of 0.5 us, speeds in ticks per step of 20 ms.
#pragma once

#include <stdint.h>

constexpr uint8_t CHANNELS = 18;
constexpr uint8_t STEP_MS = 20;
constexpr uint16_t WATCHDOG_MS = 500;

// What no configuration can exceed: 500..2500 us, and 200 us per step.
constexpr uint16_t LOWEST = 1000;
constexpr uint16_t HIGHEST = 5000;
constexpr uint16_t FASTEST = 400;

constexpr uint8_t REST_SHARE = 4;         // the way to rest uses a quarter of the speed
constexpr uint16_t SHORTEST_REST = 25;    // steps

enum State : uint8_t {
  OFF,      // no pulses: nothing has been commanded since the start
  ACTIVE,   // follows poses
  RESTING,  // on its way to the rest pose
  RESTED,   // holds the rest pose
  STOPPED   // holds where it was stopped, until it is released
};

enum Code : uint8_t {
  DONE,
  CLAMPED,     // done as far as the limits allow
  BAD_VALUE,   // a value outside of what is allowed, or a wrong number of them
  NOT_NOW,     // not in this state
  INCOMPLETE,  // a pose lacks a servo
  UNKNOWN      // no such command
};

struct Servo {
  uint16_t low;
  uint16_t high;
  uint16_t rest;
  uint16_t speed;  // 0: there is no such servo
  uint16_t position;
  uint16_t target;
  uint16_t from;  // where the way to rest began
};

class Humanoid {
 public:
  State state() const { return state_; }
  uint16_t position(uint8_t channel) const { return servos_[channel].position; }

  // How many channels are set up.
  uint8_t servos() const {
    uint8_t count = 0;
    for (const Servo& servo : servos_) count += servo.speed > 0;
    return count;
  }

  // Width of the pulse that a channel gets; 0 for none.
  uint16_t pulse(uint8_t channel) const {
    return pulsing_ && servos_[channel].speed ? servos_[channel].position : 0;
  }

  // Where a servo is, as far as is known from before a reset; before limit().
  void remember(uint8_t channel, uint16_t position) { servos_[channel].position = position; }

  // A valid frame has arrived.
  void heard() { silent_ = 0; }

  // Sets up a channel, or switches it off with zeros; the same again is fine at any time.
  Code limit(uint16_t channel, uint16_t low, uint16_t high, uint16_t rest, uint16_t speed) {
    if (channel >= CHANNELS) return BAD_VALUE;
    Servo& servo = servos_[channel];
    const bool none = !(low || high || rest || speed);
    const bool sound = LOWEST <= low && low <= rest && rest <= high && high <= HIGHEST &&
                       1 <= speed && speed <= FASTEST;
    if (!none && !sound) return BAD_VALUE;
    if (servo.low == low && servo.high == high && servo.rest == rest && servo.speed == speed) {
      return DONE;
    }
    if (state_ != OFF) return NOT_NOW;
    servo.low = low;
    servo.high = high;
    servo.rest = rest;
    servo.speed = speed;
    if (servo.position < low || servo.position > high) servo.position = rest;
    return DONE;
  }

  // Moves to a pose: a width for each servo; what other channels have is ignored.
  Code pose(const uint16_t* widths) {
    if (state_ == STOPPED) return NOT_NOW;
    bool any = false;
    for (uint8_t i = 0; i < CHANNELS; ++i) {
      if (!servos_[i].speed) continue;
      if (!widths[i]) return INCOMPLETE;
      any = true;
    }
    if (!any) return NOT_NOW;
    Code code = DONE;
    for (uint8_t i = 0; i < CHANNELS; ++i) {
      Servo& servo = servos_[i];
      if (!servo.speed) continue;
      servo.target = clamp(widths[i], servo.low, servo.high);
      if (servo.target != widths[i]) code = CLAMPED;
    }
    state_ = ACTIVE;
    pulsing_ = true;
    return code;
  }

  // Goes smoothly to the rest pose.
  Code rest() {
    if (state_ == STOPPED) return NOT_NOW;
    if (state_ != ACTIVE) return DONE;
    if (holding_) return stop();
    duration_ = SHORTEST_REST;
    for (Servo& servo : servos_) {
      if (!servo.speed) continue;
      servo.from = servo.position;
      // 1.5: the peak of the smooth way over its mean speed
      const uint32_t way = distance(servo.position, servo.rest);
      const uint16_t steps = static_cast<uint16_t>(way * 3 * REST_SHARE / (2 * servo.speed)) + 1;
      if (steps > duration_) duration_ = steps;
    }
    progress_ = 0;
    state_ = RESTING;
    return DONE;
  }

  // The computer brakes, and will stop it: whatever happens until then, it does not go to rest.
  Code hold() {
    holding_ = true;
    return DONE;
  }

  // Stops where it is, and stays there.
  Code stop() {
    state_ = STOPPED;
    holding_ = false;
    return DONE;
  }

  // Ends the stop; nothing moves because of it.
  Code release() {
    holding_ = false;
    if (state_ != STOPPED) return DONE;
    for (Servo& servo : servos_) servo.target = servo.position;
    state_ = pulsing_ ? ACTIVE : OFF;
    return DONE;
  }

  // 20 ms pass.
  void step() {
    if (silent_ < WATCHDOG_MS / STEP_MS) ++silent_;
    else if (state_ == ACTIVE) rest();
    if (state_ == ACTIVE) follow();
    if (state_ == RESTING) approach_rest();
  }

 private:
  static uint16_t clamp(uint16_t value, uint16_t low, uint16_t high) {
    return value < low ? low : value > high ? high : value;
  }

  static uint16_t distance(uint16_t a, uint16_t b) { return a < b ? b - a : a - b; }

  void follow() {
    for (Servo& servo : servos_) {
      if (!servo.speed) continue;
      const uint16_t low = servo.position - servo.speed, high = servo.position + servo.speed;
      servo.position = clamp(servo.target, low, high);
    }
  }

  void approach_rest() {
    ++progress_;
    const uint32_t u = static_cast<uint32_t>(progress_) * 1024 / duration_;
    const int32_t share = static_cast<int32_t>((u * u * (3072 - 2 * u)) >> 20);  // 0..1024
    for (Servo& servo : servos_) {
      if (!servo.speed) continue;
      const int32_t way = static_cast<int32_t>(servo.rest) - servo.from;
      servo.position = static_cast<uint16_t>(servo.from + way * share / 1024);
    }
    if (progress_ >= duration_) state_ = RESTED;
  }

  Servo servos_[CHANNELS] = {};
  State state_ = OFF;
  bool pulsing_ = false;
  bool holding_ = false;
  uint8_t silent_ = 0;     // steps without a valid frame
  uint16_t progress_ = 0;  // steps on the way to rest
  uint16_t duration_ = 1;
};
