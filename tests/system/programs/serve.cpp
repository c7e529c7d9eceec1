// SPDX-License-Identifier: GPL-2.0-or-later

// A server without clients, as C++ is written: virtual calls, templates, strings, exceptions that
// pass frames with destructors, threads, and a signal handler on a stack of its own, which works too.
// Ends with the time given in seconds.

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/time.h>
#include <thread>
#include <vector>

namespace {

std::atomic<unsigned> handled;

struct request {
	std::string name;
	std::vector<unsigned> values;
};

struct bad_request : std::runtime_error {
	using std::runtime_error::runtime_error;
};

class handler {
public:
	virtual ~handler() = default;
	virtual unsigned handle(const request &what, unsigned depth) = 0;
};

class sorter : public handler {
public:
	unsigned handle(const request &what, unsigned) override
	{
		std::vector<unsigned> values = what.values;

		std::sort(values.begin(), values.end(), [](unsigned a, unsigned b) {
			return a % 1009 < b % 1009;
		});
		return values[values.size() / 2];
	}
};

class counter : public handler {
public:
	unsigned handle(const request &what, unsigned) override
	{
		std::map<std::string, unsigned> counts;

		for (unsigned value : what.values)
			counts[what.name + std::to_string(value % 31)]++;
		return counts.size();
	}
};

class nested : public handler {
	std::vector<std::unique_ptr<handler>> inner;

public:
	nested()
	{
		inner.push_back(std::make_unique<sorter>());
		inner.push_back(std::make_unique<counter>());
	}

	// Some requests are refused far down, and found out about far up.
	unsigned handle(const request &what, unsigned depth) override
	{
		request copy = what;

		copy.name += '/';
		if (depth)
			return handle(copy, depth - 1) + copy.values.size();
		if (what.values[0] % 7 == 0)
			throw bad_request("refused: " + copy.name);
		return inner[what.values[0] % inner.size()]->handle(copy, 0);
	}
};

unsigned serve(nested &server, unsigned seed)
{
	request what{"request " + std::to_string(seed), {}};

	for (unsigned i = 0; i < 200; i++)
		what.values.push_back((seed + i) * 2654435761u >> 7);
	try {
		return server.handle(what, seed % 20);
	} catch (const bad_request &refused) {
		return std::strlen(refused.what());
	}
}

void work_until(time_t end)
{
	nested server;
	unsigned seed = 0;

	while (time(nullptr) < end)
		seed += serve(server, seed) | 1;
}

[[gnu::noinline]] unsigned digest(unsigned x)
{
	for (unsigned i = 0; i < 20000; i++)
		x = x * 1664525u + 1013904223u;
	return x;
}

void on_alarm(int)
{
	handled += digest(handled) | 1;
}

void handle_alarms()
{
	static char stack[1 << 16];
	stack_t alternative = {};
	struct sigaction action = {};
	itimerval often = {{0, 1000}, {0, 1000}};

	alternative.ss_sp = stack;
	alternative.ss_size = sizeof(stack);
	sigaltstack(&alternative, nullptr);
	action.sa_handler = on_alarm;
	action.sa_flags = SA_ONSTACK | SA_RESTART;
	sigaction(SIGVTALRM, &action, nullptr);
	setitimer(ITIMER_VIRTUAL, &often, nullptr);
}

} // namespace

int main(int argc, char **argv)
{
	time_t end = time(nullptr) + (argc > 1 ? atoi(argv[1]) : 1);
	// Threads take the handler with them, but not the stack for it.
	std::thread second(work_until, end);

	handle_alarms();
	work_until(end);
	second.join();
	return 0;
}
