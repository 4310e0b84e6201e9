// Frames on the serial line, in both directions.
//
//   start     0x80 + type (type 0..126); no other byte but the end has bit 7 set
//   sequence  0..127, chosen by the sender; an answer quotes it
//   words     two bytes of 7 bits each, high one first: 0..16383
//   CRC-16    of all bytes so far, as three bytes of 7 bits, high one first
//   end       0xFF
//
// Because start and end cannot occur inside, a receiver is in step again at the next start,
// whatever came before.
#pragma once

#include <stdint.h>

#include "crc16.h"

constexpr uint8_t MARK = 0x80;
constexpr uint8_t END = 0xFF;
constexpr uint8_t MOST_WORDS = 22;
constexpr uint8_t CRC_BYTES = 3;
constexpr uint8_t OVERHEAD = 2 + CRC_BYTES;  // start, sequence, CRC; without the end
constexpr uint8_t LONGEST = OVERHEAD + 2 * MOST_WORDS;

struct Frame {
  uint8_t type;
  uint8_t sequence;
  uint8_t count;  // of words
  uint16_t words[MOST_WORDS];
};

// Finds frames in a stream of bytes; what is not one is counted and ignored.
class FrameReader {
 public:
  Frame frame = {};
  uint16_t bad = 0;  // broken frames, and runs of bytes outside of any

  // Returns whether `frame` is a new one.
  bool take(uint8_t byte) {
    if (byte == END) {
      const bool complete = inside_;
      inside_ = false;
      if (complete && decode()) return true;
      ++bad;
    } else if (byte & MARK) {
      if (inside_) ++bad;
      inside_ = true;
      noise_ = false;
      bytes_[0] = byte;
      length_ = 1;
    } else if (inside_ && length_ < LONGEST) {
      bytes_[length_++] = byte;
    } else if (inside_ || !noise_) {
      inside_ = false;
      noise_ = true;
      ++bad;
    }
    return false;
  }

 private:
  bool decode() {
    if (length_ < OVERHEAD || (length_ - OVERHEAD) % 2) return false;
    uint16_t crc = CRC_START;
    const uint8_t covered = length_ - CRC_BYTES;
    for (uint8_t i = 0; i < covered; ++i) crc = crc16(crc, bytes_[i]);
    if (bytes_[covered] != crc >> 14 || bytes_[covered + 1] != (crc >> 7 & 0x7F) ||
        bytes_[covered + 2] != (crc & 0x7F)) {
      return false;
    }
    frame.type = bytes_[0] & 0x7F;
    frame.sequence = bytes_[1];
    frame.count = (length_ - OVERHEAD) / 2;
    for (uint8_t i = 0; i < frame.count; ++i) {
      frame.words[i] = static_cast<uint16_t>(bytes_[2 + 2 * i]) << 7 | bytes_[3 + 2 * i];
    }
    return true;
  }

  uint8_t bytes_[LONGEST] = {};
  uint8_t length_ = 0;
  bool inside_ = false;
  bool noise_ = false;
};

// Hands the bytes of a frame to put(byte).
template <typename Put>
void write_frame(const Frame& frame, Put put) {
  uint16_t crc = CRC_START;
  const auto covered = [&](uint8_t byte) {
    crc = crc16(crc, byte);
    put(byte);
  };
  covered(MARK | frame.type);
  covered(frame.sequence);
  for (uint8_t i = 0; i < frame.count; ++i) {
    covered(frame.words[i] >> 7 & 0x7F);
    covered(frame.words[i] & 0x7F);
  }
  const uint16_t sum = crc;
  put(sum >> 14);
  put(sum >> 7 & 0x7F);
  put(sum & 0x7F);
  put(END);
}
