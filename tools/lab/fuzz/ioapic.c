// SPDX-License-Identifier: GPL-2.0-only
#include <pthread.h>

#include "ioapic.h"
#include "machine.h"
#include "model.h"

static struct {
	uint8_t vector;
	bool level, masked, line, remote_irr;
} pins[NR_PINS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The lock is held. */
static void service(int pin)
{
	if (pins[pin].masked || pins[pin].remote_irr)
		return;
	pins[pin].remote_irr = pins[pin].level;
	kvm_irq_line(vm, pin, 1);
}

void ioapic_program(int pin, uint8_t vector, bool level, bool masked)
{
	pthread_mutex_lock(&lock);
	pins[pin].vector = vector;
	pins[pin].level = level;
	pins[pin].masked = masked;
	pins[pin].line = pins[pin].remote_irr = false;
	pthread_mutex_unlock(&lock);
}

void ioapic_raise(int pin)
{
	pthread_mutex_lock(&lock);
	pins[pin].line = pins[pin].level;
	service(pin);
	pthread_mutex_unlock(&lock);
}

void ioapic_lower(int pin)
{
	pthread_mutex_lock(&lock);
	pins[pin].line = false;
	pthread_mutex_unlock(&lock);
}

void ioapic_eoi(uint8_t vector)
{
	int pin;

	pthread_mutex_lock(&lock);
	for (pin = 0; pin < NR_PINS; pin++) {
		if (!pins[pin].remote_irr || pins[pin].vector != vector)
			continue;
		pins[pin].remote_irr = false;
		if (pins[pin].line)
			service(pin);
	}
	pthread_mutex_unlock(&lock);
}
