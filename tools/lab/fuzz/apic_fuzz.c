// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random programs of what vCPUs and a VMM do to local APICs, judged by a model of these.
 *
 *   apic_fuzz [-s SEED] [-n PROGRAMS] [-t SECONDS] [-v VCPUS] [-o OPS] [-x OP,OP] [-c FILE] [-f FAILURES] [-r REPEATS] [-d] [-i] [-k]
 *   apic_fuzz "VCPUS OP.ARG.ARG.ARG.ARG ..."	one program, as a failure prints it
 *
 * -c: programs of a file first, one a line; -d: print a digest of what each guest saw;
 * -v: at most so many vCPUs; -o: operations of a program; -x: operations that are left out.
 * -r: an interrupt that is lost or taken twice counts if the program fails in each of so many
 * more runs, for hosts that do so by themselves; -i: the kernel tells what inhibits APICv; -f: end after so many failures (3); -k: keep programs that fail as they are.
 * Each program is a process of its own.  One that fails is made as small as it can be.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "machine.h"
#include "model.h"
#include "ops.h"

#define MAX_OPS		128
#define LIMIT_S		30
#define MAX_SHRINKS	150
#define SHRINK_US	60000000

struct op {
	uint8_t type;
	uint16_t args[NR_ARGS];
};

struct program {
	int vcpus, nr_ops;
	bool is_split;			/* the I/O APIC is the VMM's */
	struct op ops[MAX_OPS];
};

/* What a program's process leaves behind. */
static struct {
	char why[400];
	int at;
	uint64_t digest;
} *result;

/* Not a single page: that's how the APIC-access page is found. */
#define RESULT_SIZE	0x2000

static int splat_fd = -1;

void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(result->why, sizeof(result->why), fmt, ap);
	va_end(ap);
	_exit(1);
}

static struct options {
	uint64_t seed, programs, seconds;
	int vcpus, ops, max_failures, repeats;
	const char *excluded, *corpus;
	bool digest, keep;
} options = { .seed = 1, .programs = 100, .vcpus = 4, .ops = 50, .max_failures = 3 };

static bool verbose;

void note(const char *fmt, ...)
{
	va_list ap;

	if (!verbose)
		return;
	va_start(ap, fmt);
	printf("%2d: ", result->at);
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

/*
 * Programs: from a seed, from a line, and to a line.
 */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static bool is_excluded(const char *name, const char *excluded)
{
	size_t length = strlen(name);
	const char *p;

	for (p = excluded; p && *p; p += strcspn(p, ","), p += *p == ',')
		if (!strncmp(p, name, length) && (p[length] == ',' || !p[length]))
			return true;
	return false;
}

static int random_type(uint64_t *seed, const char *excluded)
{
	unsigned int total = 0, n;
	int type;

	for (type = 0; type < nr_op_types; type++)
		total += is_excluded(op_types[type].name, excluded) ? 0 : op_types[type].weight;
	n = next_random(seed) % total;
	for (type = 0; type < nr_op_types; type++) {
		if (is_excluded(op_types[type].name, excluded))
			continue;
		if (n < op_types[type].weight)
			break;
		n -= op_types[type].weight;
	}
	return type;
}

static void generate(struct program *p, uint64_t seed, int max_vcpus, int nr_ops,
		     const char *excluded)
{
	uint64_t args;
	int i, j;

	p->vcpus = 2 + next_random(&seed) % (max_vcpus - 1);
	p->is_split = next_random(&seed) % 6 == 0;
	p->nr_ops = nr_ops;
	for (i = 0; i < nr_ops; i++) {
		p->ops[i].type = random_type(&seed, excluded);
		args = next_random(&seed);
		for (j = 0; j < NR_ARGS; j++)
			p->ops[i].args[j] = args >> 16 * j & 0xfff;
	}
}

/* A line that ends with a backslash goes on: logs have no room for long ones. */
#define LINE	170

static void print(const struct program *p)
{
	int i, n = printf("%d%s", p->vcpus, p->is_split ? "s" : "");

	for (i = 0; i < p->nr_ops; i++) {
		if (n > LINE) {
			printf(" \\\n");
			n = 0;
		}
		n += printf(" %s.%x.%x.%x.%x", op_types[p->ops[i].type].name, p->ops[i].args[0],
			    p->ops[i].args[1], p->ops[i].args[2], p->ops[i].args[3]);
	}
	printf("\n");
}

static bool parse_op(struct op *op, const char *word)
{
	size_t length = strcspn(word, ".");
	unsigned int a[NR_ARGS];
	int j;

	for (op->type = 0; op->type < nr_op_types; op->type++)
		if (strlen(op_types[op->type].name) == length &&
		    !strncmp(word, op_types[op->type].name, length))
			break;
	if (op->type == nr_op_types ||
	    sscanf(word + length, ".%x.%x.%x.%x", &a[0], &a[1], &a[2], &a[3]) != NR_ARGS)
		return false;
	for (j = 0; j < NR_ARGS; j++)
		op->args[j] = a[j];
	return true;
}

#define SPACE	" \n\\"

static void parse(struct program *p, char *line)
{
	char *word, *rest;

	memset(p, 0, sizeof(*p));
	word = strtok_r(line, SPACE, &rest);
	p->vcpus = atoi(word);
	p->is_split = word[strlen(word) - 1] == 's';
	TEST_ASSERT(p->vcpus >= 2 && p->vcpus <= MAX_VCPUS, "no number of vCPUs: %s", word);
	while ((word = strtok_r(NULL, SPACE, &rest)) && p->nr_ops < MAX_OPS)
		TEST_ASSERT(parse_op(&p->ops[p->nr_ops++], word), "no operation: %s", word);
}

/*
 * Running.
 */
static void run_ops(const struct program *p)
{
	int i;

	ops_begin(p->vcpus, p->is_split);
	for (i = 0; i < p->nr_ops; i++) {
		result->at = i;
		op_types[p->ops[i].type].run(p->ops[i].args);
		model_settle(-1);
		check_all();
	}
	result->at = i;
	ops_end();
	result->digest = check_digest();
	machine_destroy();
}

static void child(const struct program *p, bool quiet)
{
	int null = open("/dev/null", O_WRONLY);

	alarm(LIMIT_S);
	if (quiet)
		dup2(null, STDERR_FILENO);
	run_ops(p);
	_exit(0);
}

/* Whether the kernel has complained since it was asked last. */
static bool splat(void)
{
	static const char * const words[] = {
		"WARNING: ", "BUG: ", "BUG ", "INFO: possible", "INFO: task", "rcu: ", "KASAN", "UBSAN",
		"general protection", "Oops", "unchecked MSR",
	};
	bool found = false;
	char line[2048];
	unsigned int i;
	ssize_t n;

	while ((n = read(splat_fd, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		if (n <= 0)
			continue;
		line[n] = '\0';
		/* A race doesn't come again, and scripts/results knows those of the base. */
		if (strstr(line, "KCSAN"))
			continue;
		for (i = 0; i < ARRAY_SIZE(words); i++) {
			if (!strstr(line, words[i]))
				continue;
			found = true;
			snprintf(result->why, sizeof(result->why), "kernel: %.300s",
				 strchr(line, ';') ?: line);
		}
	}
	return found;
}

/* Let the kernel say it once more. */
static void forget_splats(void)
{
	int fd = open("/sys/kernel/debug/clear_warn_once", O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, "1", 1) != 1)
		perror("clear_warn_once");
	close(fd);
}

static bool run(const struct program *p, bool quiet)
{
	pid_t pid;
	int status;

	memset(result, 0, sizeof(*result));
	pid = fork();
	if (!pid)
		child(p, quiet);
	waitpid(pid, &status, 0);
	if (splat()) {
		forget_splats();
		return false;
	}
	if (WIFSIGNALED(status))
		snprintf(result->why, sizeof(result->why), "signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) && !result->why[0])
		snprintf(result->why, sizeof(result->why), "exit %d", WEXITSTATUS(status));
	return !status;
}

/*
 * Shrinking: leave out as much as the program still fails without, first halves of it,
 * then ever smaller parts.
 */
static void leave_out(struct program *p, const struct program *from, int first, int count)
{
	*p = *from;
	if (first + count > p->nr_ops)
		count = p->nr_ops - first;
	memmove(&p->ops[first], &p->ops[first + count],
		(p->nr_ops - first - count) * sizeof(p->ops[0]));
	p->nr_ops -= count;
}

static void shrink(struct program *p)
{
	uint64_t start = now_us();
	struct program smaller;
	int first, part, n = 0;

	for (part = (p->nr_ops + 1) / 2; part; part = part > 1 ? (part + 1) / 2 : 0) {
		for (first = 0; first < p->nr_ops;) {
			if (n++ > MAX_SHRINKS || now_us() - start > SHRINK_US)
				return;
			leave_out(&smaller, p, first, part);
			if (run(&smaller, true))
				first += part;
			else
				*p = smaller;
		}
	}
}

static void report(struct program *p, const char *name)
{
	verbose = false;
	printf("fuzz: FAIL %s: %s (at operation %d)\n", name, result->why, result->at);
	if (result->at + 1 < p->nr_ops)
		p->nr_ops = result->at + 1;
	print(p);
	if (options.keep)
		return;
	shrink(p);
	if (!run(p, true))
		printf("fuzz: smaller: %s\n", result->why);
	else
		printf("fuzz: smaller: doesn't fail each time\n");
	print(p);
}

/*
 * What an emulator that loses an injected interrupt, or injects it twice, makes of a program.
 * A vCPU that executes nothing may be one that waits in L2 for such an interrupt.
 */
static bool may_be_host(void)
{
	return strstr(result->why, " lost ") || strstr(result->why, " took ") ||
	       strstr(result->why, " doesn't execute ") || strstr(result->why, " doesn't get IPIs ");
}

/* Whether it fails each time. */
static bool fails_again(struct program *p, const char *name)
{
	int i;

	if (!options.repeats || !may_be_host())
		return true;
	printf("fuzz: %s: %s (at operation %d)\n", name, result->why, result->at);
	for (i = 0; i < options.repeats; i++)
		if (run(p, true))
			break;
	if (i == options.repeats)
		return true;
	printf("fuzz: it passed once in %d more runs: not counted\n", i + 1);
	return false;
}

static bool run_named(struct program *p, const char *name, bool digest)
{
	if (!run(p, false)) {
		if (!fails_again(p, name))
			return true;
		report(p, name);
		return false;
	}
	if (digest)
		printf("fuzz: %s digest %016lx\n", name, result->digest);
	return true;
}

static bool has_excluded(const struct program *p)
{
	int i;

	for (i = 0; i < p->nr_ops; i++)
		if (is_excluded(op_types[p->ops[i].type].name, options.excluded))
			return true;
	return false;
}

/* With the lines that continue it.  False at the end. */
static bool read_line(FILE *f, char *line, size_t size)
{
	size_t length = 0;

	do {
		if (!fgets(line + length, size - length, f))
			return false;
		length = strlen(line);
	} while (length > 1 && !strcmp(line + length - 2, "\\\n"));
	return true;
}

static int run_corpus(void)
{
	FILE *f = fopen(options.corpus, "r");
	char line[8192], name[64];
	struct program p;
	int failures = 0, n = 0;

	TEST_ASSERT(f, "%s: %s", options.corpus, strerror(errno));
	while (read_line(f, line, sizeof(line))) {
		n++;
		if (!isdigit(line[0]))
			continue;
		parse(&p, line);
		if (has_excluded(&p))
			continue;
		snprintf(name, sizeof(name), "line %d of the corpus", n);
		failures += !run_named(&p, name, options.digest);
	}
	fclose(f);
	return failures;
}

static int run_seeds(uint64_t *nr_run)
{
	uint64_t n, start = now_us();
	struct program p;
	int failures = 0;
	char name[64];

	for (n = 0; n < options.programs && failures < options.max_failures; n++) {
		if (options.seconds && now_us() - start > options.seconds * 1000000)
			break;
		generate(&p, options.seed + n, options.vcpus, options.ops, options.excluded);
		snprintf(name, sizeof(name), "seed %lu", options.seed + n);
		failures += !run_named(&p, name, options.digest);
	}
	*nr_run = n;
	return failures;
}

static char *parse_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "s:n:t:v:o:x:c:f:r:dik")) != -1) {
		switch (c) {
		case 's': options.seed = strtoull(optarg, NULL, 0); break;
		case 'n': options.programs = strtoull(optarg, NULL, 0); break;
		case 't': options.seconds = strtoull(optarg, NULL, 0); break;
		case 'v': options.vcpus = atoi(optarg); break;
		case 'o': options.ops = atoi(optarg); break;
		case 'f': options.max_failures = atoi(optarg); break;
		case 'x': options.excluded = optarg; break;
		case 'c': options.corpus = optarg; break;
		case 'd': options.digest = true; break;
		case 'i': check_wants_reasons = true; break;
		case 'r': options.repeats = atoi(optarg); break;
		case 'k': options.keep = true; break;
		default: TEST_FAIL("read the first lines of apic_fuzz.c");
		}
	}
	TEST_ASSERT(options.vcpus >= 2 && options.vcpus <= MAX_VCPUS && options.ops <= MAX_OPS,
		    "2 to %d vCPUs, up to %d operations", MAX_VCPUS, MAX_OPS);
	return argv[optind];
}

int main(int argc, char **argv)
{
	uint64_t nr_run = 0;
	char *line = parse_options(argc, argv);
	struct program p;
	int failures = 0;

	setbuf(stdout, NULL);
	result = mmap(NULL, RESULT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	splat_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	lseek(splat_fd, 0, SEEK_END);

	if (line) {
		parse(&p, line);
		verbose = true;
		return !run_named(&p, "program", true);
	}
	if (options.corpus)
		failures += run_corpus();
	failures += run_seeds(&nr_run);
	printf("fuzz: %lu programs from seed %lu, %d failures\n", nr_run, options.seed, failures);
	return failures ? 1 : 0;
}
