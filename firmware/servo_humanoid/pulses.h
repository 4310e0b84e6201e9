// Servo pulses on 18 pins of the ATmega328P at 50 Hz, by Timer1.
//
// 20 ms are six slots of 3.3 ms. In each slot three pulses begin together, one on each port, and
// end one by one: channel c has slot c % 6 of port D (pins D2..D7), B (D8..D13) or C (A0..A5).
#pragma once

#include <avr/interrupt.h>
#include <avr/io.h>
#include <stdint.h>
#include <util/atomic.h>

namespace pulses {

constexpr uint8_t SLOTS = 6;
constexpr uint8_t PORTS = 3;
constexpr uint16_t SLOT_TICKS = 6667;  // of 0.5 us
constexpr uint16_t EARLY_TICKS = 12;   // an interrupt comes early by so much, and waits
constexpr uint16_t LATE_TICKS = 7;     // what the end of the wait takes

struct End {
  uint16_t width;
  uint8_t pins[PORTS];  // that end together
};

static volatile uint16_t widths[SLOTS * PORTS];
static volatile bool ticked;
static uint8_t slot = SLOTS - 1;
static const uint8_t MASKS[SLOTS] = {1, 2, 4, 8, 16, 32};  // the AVR shifts bit by bit
static End ends[PORTS];
static uint8_t next, count;  // of the ends in this slot
static uint16_t begun, rise;

inline void begin() {
  DDRD |= 0xFC;
  DDRB |= 0x3F;
  DDRC |= 0x3F;
  TCCR1A = 0;
  TCCR1B = _BV(CS11);  // 16 MHz / 8
  OCR1A = SLOT_TICKS;
  TIMSK1 = _BV(OCIE1A);
}

// Width in ticks; 0 for no pulse.
inline void set(uint8_t channel, uint16_t width) {
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) { widths[channel] = width; }
}

// Whether 20 ms have passed since it last said so.
inline bool tick() {
  if (!ticked) return false;
  ticked = false;
  return true;
}

// Notes a pulse of this slot among the others, the shortest first.
inline void note(uint8_t port, uint16_t width) {
  uint8_t at = 0;
  while (at < count && ends[at].width < width) ++at;
  if (at == count || ends[at].width != width) {
    for (uint8_t i = count++; i > at; --i) ends[i] = ends[i - 1];
    ends[at] = {width, {0, 0, 0}};
  }
  ends[at].pins[port] = MASKS[slot];
}

inline void raise() {
  next = count = 0;
  uint8_t pins[PORTS];
  for (uint8_t port = 0; port < PORTS; ++port) {
    const uint16_t width = widths[port * SLOTS + slot];
    pins[port] = width ? MASKS[slot] : 0;
    if (width) note(port, width);
  }
  const uint8_t d = pins[0] << 2, b = pins[1], c = pins[2];
  PORTD |= d;
  PORTB |= b;
  PORTC |= c;
  rise = TCNT1 - LATE_TICKS;
}

inline void lower(const End& end) {
  const uint8_t d = ~(end.pins[0] << 2), b = ~end.pins[1], c = ~end.pins[2];
  PORTD &= d;
  PORTB &= b;
  PORTC &= c;
}

inline int16_t until(uint16_t time) { return static_cast<int16_t>(time - TCNT1); }

}  // namespace pulses

ISR(TIMER1_COMPA_vect) {
  using namespace pulses;
  if (next == count) {
    begun = OCR1A;
    slot = (slot + 1) % SLOTS;
    if (slot == 0) ticked = true;
    raise();
  } else {
    // Ends that are near each other are served by one interrupt.
    while (next < count && until(rise + ends[next].width) < static_cast<int16_t>(2 * EARLY_TICKS)) {
      while (until(rise + ends[next].width) > 0) {
      }
      lower(ends[next++]);
    }
  }
  OCR1A = next < count ? rise + ends[next].width - EARLY_TICKS : begun + SLOT_TICKS;
}
