/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the BIOS, which has loaded the first sector to 0x7c00, to run_tests() in 64-bit mode, and the same for a
 * second processor, which the SIPI sends to ap_start. One set of page tables serves the host, the guests and
 * nested paging: 4 GiB, identical, writable for everybody.
 */
	.section .boot, "ax"
	.code16
	.globl	_start
_start:
	ljmp	$0, $1f
1:	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	mov	$0x7c00, %sp
	mov	$packet, %si
	mov	$0x42, %ah		/* read the rest; DL is the disk */
	int	$0x13
	mov	$stack_bsp, %ebp
	mov	$run_tests, %esi
	jmp	to_long
packet:	.word	16, sectors
	.word	0x7e00, 0
	.quad	1
	.org	510
	.word	0xaa55

	.text
	.balign 4096
	.globl	ap_start
	.weak	run_ap			/* only a test with two processors has one */
ap_start:
	ljmp	$0, $1f
1:	mov	$stack_ap, %ebp
	mov	$run_ap, %esi
to_long:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	gdt_pointer
	mov	%cr4, %eax
	or	$0x220, %eax		/* PAE, OSFXSR */
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax		/* LME */
	wrmsr
	mov	$0x80000031, %eax	/* PG, NE, ET, PE */
	mov	%eax, %cr0
	ljmpl	$8, $1f

	.code64
1:	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%ebp, %esp
	mov	%esi, %esi
	call	*%rsi
2:	hlt
	jmp	2b

/*
 * A stub for each vector: it tells the hypervisor, of which the vector is told by the address. 8 bytes each. The
 * instruction is VMMCALL or VMCALL; run_tests() writes the three bytes.
 */
	.balign 8
	.globl	stubs
stubs:
	.rept	256
	vmmcall
	iretq
	.balign 8
	.endr

/* void vmrun(u64 vmcb): every register but RAX and RSP belongs to the guest, and is lost. */
	.globl	vmrun
vmrun:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rdi, %rax
	vmrun
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* u64 vmenter(int launch): 0 after a VM exit, else the flags of a VM entry that failed. */
	.globl	vmenter, vmx_exit
vmenter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	$0x6c14, %eax		/* HOST_RSP */
	vmwrite	%rsp, %rax
	test	%edi, %edi
	jz	1f
	vmlaunch
	jmp	2f
1:	vmresume
2:	pushf
	pop	%rax
	jmp	3f
vmx_exit:
	xor	%eax, %eax
3:	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.data
	.balign 8
gdt:	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff
	.quad	0x00008b0020000067, 0	/* a task state segment, which VMX wants */
gdt_pointer:
	.word	. - gdt - 1
	.quad	gdt
	.globl	gdt

	.balign 4096
	.globl	pml4
pml4:	.quad	pdpt + 7
	.fill	511, 8, 0
pdpt:	.quad	0x00000087, 0x40000087, 0x80000087, 0xc0000087
	.fill	508, 8, 0
