// The serial line of the ATmega328P: 115200 baud, 8N1, by interrupts; never waits.
#pragma once

#include <avr/interrupt.h>
#include <avr/io.h>
#include <stdint.h>

namespace uart {

constexpr uint8_t SIZE = 128;  // a power of two

struct Ring {
  volatile uint8_t bytes[SIZE];
  volatile uint8_t head;  // where the next byte is put
  volatile uint8_t tail;  // where the next byte is taken
};

static Ring received, outgoing;

inline void begin() {
  UCSR0A = _BV(U2X0);
  UBRR0 = 16;  // 117647 baud, 2.1 % fast, as the Arduino core has it
  UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
  UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
}

inline bool read(uint8_t& byte) {
  if (received.head == received.tail) return false;
  byte = received.bytes[received.tail];
  received.tail = (received.tail + 1) % SIZE;
  return true;
}

// How many bytes may be written now.
inline uint8_t room() {
  return static_cast<uint8_t>(outgoing.tail - outgoing.head - 1) % SIZE;
}

inline void write(uint8_t byte) {
  outgoing.bytes[outgoing.head] = byte;
  outgoing.head = (outgoing.head + 1) % SIZE;
  UCSR0B |= _BV(UDRIE0);
}

}  // namespace uart

ISR(USART_RX_vect) {
  using namespace uart;
  const uint8_t byte = UDR0;
  const uint8_t next = (received.head + 1) % SIZE;
  if (next == received.tail) return;  // full: the frame will lack a byte, and be refused
  received.bytes[received.head] = byte;
  received.head = next;
}

ISR(USART_UDRE_vect) {
  using namespace uart;
  if (outgoing.head == outgoing.tail) {
    UCSR0B &= static_cast<uint8_t>(~_BV(UDRIE0));
    return;
  }
  UDR0 = outgoing.bytes[outgoing.tail];
  outgoing.tail = (outgoing.tail + 1) % SIZE;
}
