// A humanoid of hobby servos: an Arduino UNO that obeys a computer on its serial line.
//
// The sketch brings its own main() and uses nothing of the Arduino core, so that it builds with
// plain avr-gcc (see the Makefile) as well as in the Arduino IDE.

#include <avr/sleep.h>
#include <avr/wdt.h>

#include "commands.h"
#include "pulses.h"
#include "uart.h"

static_assert(CHANNELS == pulses::SLOTS * pulses::PORTS, "a pin for every channel");

namespace {

// Outlives a reset, but not a loss of power: where the servos were left.
struct Memory {
  uint16_t positions[CHANNELS];
  uint16_t crc;

  uint16_t sum() const {
    uint16_t crc = CRC_START;
    for (uint16_t position : positions) crc = crc16(crc16(crc, position >> 8), position & 0xFF);
    return crc;
  }
};

Memory memory __attribute__((section(".noinit")));
Humanoid humanoid;
FrameReader reader;
Frame reply;

void recall() {
  if (memory.sum() != memory.crc) return;
  for (uint8_t i = 0; i < CHANNELS; ++i) humanoid.remember(i, memory.positions[i]);
}

void memorise() {
  for (uint8_t i = 0; i < CHANNELS; ++i) memory.positions[i] = humanoid.position(i);
  memory.crc = memory.sum();
}

// A frame that does not fit now is dropped: the line is slow, the servos must not wait for it.
void send(const Frame& frame) {
  if (uart::room() <= OVERHEAD + 2 * frame.count) return;
  write_frame(frame, uart::write);
}

}  // namespace

int main() {
  const uint8_t cause = MCUSR;  // why it starts: 1 power, 2 reset pin, 4 brown-out, 8 watchdog
  MCUSR = 0;
  wdt_enable(WDTO_250MS);
  recall();
  uart::begin();
  pulses::begin();
  set_sleep_mode(SLEEP_MODE_IDLE);
  sei();
  for (;;) {
    uint8_t byte;
    while (uart::read(byte)) {
      if (!reader.take(byte)) continue;
      make_answer(reply, reader.frame.sequence, obey(humanoid, reader.frame));
      send(reply);
    }
    if (pulses::tick()) {
      wdt_reset();  // only here: it takes the timer's interrupt and this loop to stay awake
      humanoid.step();
      for (uint8_t i = 0; i < CHANNELS; ++i) pulses::set(i, humanoid.pulse(i));
      memorise();
      make_status(reply, humanoid, reader.bad, cause);
      send(reply);
    }
    sleep_mode();
  }
}
