// An Arduino UNO in simavr whose serial line is a pseudo-terminal.
//
//   sim_board FIRMWARE.elf LINK
//
// LINK becomes a symbolic link to the terminal. Every 20 ms of simulated time one line goes to
// standard output: the time, the period of the pulses, and the width of each channel's newest
// pulse (0: none for 0.1 s), all in us, as measured on the pins. Simulated time does not run
// ahead of real time. SIGUSR1 makes the firmware's main loop hang, as a defect would.
//
// Where SERVO_COVERAGE names a file, byte i of it becomes 1 when the instruction at address 2 i has
// run. Several boards may share the file, and it is complete when they are killed.
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "avr_extint.h"
#include "avr_ioport.h"
#include "avr_uart.h"
#include "sim_avr.h"
#include "sim_elf.h"

#define CHANNELS 18
#define CYCLES_PER_US 16
#define REPORT_CYCLES (20000 * CYCLES_PER_US)
#define SILENCE_CYCLES (100000 * CYCLES_PER_US)
#define SERVE_CYCLES (200 * CYCLES_PER_US)
#define MCUSR_ADDRESS 0x54
#define WATCHDOG_RESET 8

struct channel {
  avr_cycle_count_t rise, width, period;
};

static avr_t *avr;
static struct channel channels[CHANNELS];
static int terminal;
static FILE *reports;
static int may_send = 1;
static volatile sig_atomic_t hang_wanted;

static void on_pin(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq;
  struct channel *channel = param;
  if (value) {
    channel->period = channel->rise ? avr->cycle - channel->rise : 0;
    channel->rise = avr->cycle;
  } else if (channel->rise) {
    channel->width = avr->cycle - channel->rise;
  }
}

static void on_byte(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq, (void)param;
  const unsigned char byte = value;
  if (write(terminal, &byte, 1) < 0 && errno != EAGAIN) exit(1);
}

static void on_xon(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq, (void)value, (void)param;
  may_send = 1;
}

static void on_xoff(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq, (void)value, (void)param;
  may_send = 0;
}

static void on_signal(int number) {
  (void)number;
  hang_wanted = 1;
}

static void no_sleep(avr_t *unused, avr_cycle_count_t cycles) { (void)unused, (void)cycles; }

static void connect_pins(void) {
  static const char ports[] = {'D', 'B', 'C'};
  for (int i = 0; i < CHANNELS; i++) {
    const int pin = i % 6 + (i < 6 ? 2 : 0);
    avr_irq_t *irq = avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ(ports[i / 6]), pin);
    avr_irq_register_notify(irq, on_pin, &channels[i]);
  }
}

// Pins that are low would ask for an interrupt at every cycle, which the firmware does not use: a
// board that sleeps took half a processor.
static void no_interrupts_by_level(void) {
  avr_extint_set_strict_lvl_trig(avr, EXTINT_IRQ_OUT_INT0, 0);
  avr_extint_set_strict_lvl_trig(avr, EXTINT_IRQ_OUT_INT1, 0);
}

static avr_irq_t *connect_uart(void) {
  const uint32_t uart = AVR_IOCTL_UART_GETIRQ('0');
  uint32_t flags = 0;
  avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
  avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUTPUT), on_byte, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUT_XON), on_xon, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUT_XOFF), on_xoff, NULL);
  return avr_io_getirq(avr, uart, UART_IRQ_INPUT);
}

static int open_terminal(const char *link) {
  int own, other;
  char name[256];
  struct termios raw;
  if (openpty(&own, &other, name, NULL, NULL) < 0) return -1;
  tcgetattr(other, &raw);  // `other` stays open: the terminal must outlive its users
  cfmakeraw(&raw);
  tcsetattr(other, TCSANOW, &raw);
  fcntl(own, F_SETFL, O_NONBLOCK);
  unlink(link);
  return symlink(name, link) < 0 ? -1 : own;
}

static void serve(avr_irq_t *input) {
  unsigned char byte;
  while (may_send && read(terminal, &byte, 1) == 1) avr_raise_irq(input, byte);
}

static void report(void) {
  avr_cycle_count_t period = 0;
  for (int i = 0; i < CHANNELS && !period; i++) period = channels[i].period;
  fprintf(reports, "%.0f %.1f", (double)avr->cycle / CYCLES_PER_US, (double)period / CYCLES_PER_US);
  for (int i = 0; i < CHANNELS; i++) {
    const struct channel *c = &channels[i];
    const int silent = !c->rise || avr->cycle - c->rise > SILENCE_CYCLES;
    fprintf(reports, " %.2f", silent ? 0.0 : (double)c->width / CYCLES_PER_US);
  }
  fprintf(reports, "\n");
  fflush(reports);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

// Waits until real time has caught up with simulated time.
static void keep_pace(void) {
  static double offset;
  const double simulated = (double)avr->cycle / CYCLES_PER_US * 1e-6;
  const double ahead = simulated + offset - seconds();
  if (ahead > 0.001 && offset) usleep(ahead * 1e6);
  if (ahead < -0.05 || !offset) offset = seconds() - simulated;
}

// Replaces the main loop's next instruction by a jump to itself, until the watchdog resets.
static void hang(void) {
  static avr_flashaddr_t where;
  static uint8_t original[2];
  if (where && (avr->data[MCUSR_ADDRESS] & WATCHDOG_RESET)) {
    memcpy(avr->flash + where, original, 2);
    where = 0;
  }
  const int in_main = avr->sreg[S_I];  // cleared inside interrupts
  if (!hang_wanted || !in_main || where) return;
  hang_wanted = 0;
  where = avr->pc;
  memcpy(original, avr->flash + where, 2);
  avr->flash[where] = 0xFF;
  avr->flash[where + 1] = 0xCF;
}

static unsigned char *open_coverage(const char *path) {
  const size_t words = (avr->flashend + 1) / 2;
  const int file = path ? open(path, O_RDWR | O_CREAT, 0644) : -1;
  if (file >= 0 && ftruncate(file, words) < 0) return NULL;
  const int flags = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void *const run = mmap(NULL, words, PROT_READ | PROT_WRITE, flags, file, 0);
  return run == MAP_FAILED ? NULL : run;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: sim_board FIRMWARE.elf LINK\n");
    return 2;
  }
  reports = fdopen(dup(STDOUT_FILENO), "w");
  dup2(STDERR_FILENO, STDOUT_FILENO);  // where simavr prints what it does
  elf_firmware_t firmware = {0};
  if (elf_read_firmware(argv[1], &firmware) < 0) return 2;
  avr = avr_make_mcu_by_name("atmega328p");
  avr_init(avr);
  avr_load_firmware(avr, &firmware);
  avr->frequency = CYCLES_PER_US * 1000000;
  avr->sleep = no_sleep;
  avr->log = LOG_ERROR;
  terminal = open_terminal(argv[2]);
  if (terminal < 0) {
    perror(argv[2]);
    return 2;
  }
  connect_pins();
  no_interrupts_by_level();
  avr_irq_t *input = connect_uart();
  signal(SIGUSR1, on_signal);
  unsigned char *const run = open_coverage(getenv("SERVO_COVERAGE"));
  if (!run) {
    perror("SERVO_COVERAGE");
    return 2;
  }
  avr_cycle_count_t next_report = 0, next_serve = 0;
  for (;;) {
    run[avr->pc / 2] = 1;
    const int state = avr_run(avr);
    if (state == cpu_Done || state == cpu_Crashed) return 1;
    hang();
    if (avr->cycle >= next_serve) {
      next_serve = avr->cycle + SERVE_CYCLES;
      serve(input);
      keep_pace();
    }
    if (avr->cycle >= next_report) {
      next_report += REPORT_CYCLES;
      report();
    }
  }
}
