// The commands that the computer sends, and what the board says.
#pragma once

#include "frame.h"
#include "humanoid.h"

constexpr uint16_t VERSION = 2;

enum Type : uint8_t {
  // To the board; it answers each.
  HELLO = 0x01,    // version
  LIMIT = 0x02,    // channel, low, high, rest, speed
  POSE = 0x03,     // a width for each channel
  REST = 0x04,
  STOP = 0x05,
  RELEASE = 0x06,
  HOLD = 0x07,
  // From the board.
  ANSWER = 0x41,   // sequence, code
  STATUS = 0x42,   // state, bad frames, cause of the last reset, number of servos, positions
};

static_assert(CHANNELS + 4 <= MOST_WORDS, "a status must fit into a frame");

inline Code obey(Humanoid& humanoid, const Frame& frame) {
  static const uint8_t COUNTS[] = {0, 1, 5, CHANNELS, 0, 0, 0, 0};
  if (frame.type < HELLO || frame.type > HOLD) return UNKNOWN;
  humanoid.heard();
  if (frame.count != COUNTS[frame.type]) return BAD_VALUE;
  const uint16_t* w = frame.words;
  switch (frame.type) {
    case HELLO: return w[0] == VERSION ? DONE : BAD_VALUE;
    case LIMIT: return humanoid.limit(w[0], w[1], w[2], w[3], w[4]);
    case POSE: return humanoid.pose(w);
    case REST: return humanoid.rest();
    case STOP: return humanoid.stop();
    case HOLD: return humanoid.hold();
    default: return humanoid.release();
  }
}

inline void make_answer(Frame& frame, uint8_t sequence, Code code) {
  frame.type = ANSWER;
  frame.sequence = sequence;
  frame.count = 2;
  frame.words[0] = sequence;
  frame.words[1] = code;
}

inline void make_status(Frame& frame, const Humanoid& humanoid, uint16_t bad, uint8_t cause) {
  frame.type = STATUS;
  frame.sequence = 0;
  frame.count = 4 + CHANNELS;
  frame.words[0] = humanoid.state();
  frame.words[1] = bad & 0x3FFF;
  frame.words[2] = cause;
  frame.words[3] = humanoid.servos();
  for (uint8_t i = 0; i < CHANNELS; ++i) frame.words[4 + i] = humanoid.position(i);
}
