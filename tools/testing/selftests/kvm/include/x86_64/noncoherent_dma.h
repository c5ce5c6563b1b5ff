/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Non-coherent DMA without a device that does any DMA.
 */
#ifndef SELFTEST_KVM_NONCOHERENT_DMA_H
#define SELFTEST_KVM_NONCOHERENT_DMA_H

#include "kvm_util.h"

struct noncoherent_dma;

/*
 * Get hold of a PCI function for non-coherent DMA.  The test is skipped if the
 * host can't provide one.
 */
struct noncoherent_dma *noncoherent_dma_open(void);
void noncoherent_dma_close(struct noncoherent_dma *dma);

/* Make KVM believe that the VM does non-coherent DMA, respectively undo that. */
void noncoherent_dma_start(struct noncoherent_dma *dma, struct kvm_vm *vm);
void noncoherent_dma_stop(struct noncoherent_dma *dma);

#endif /* SELFTEST_KVM_NONCOHERENT_DMA_H */
