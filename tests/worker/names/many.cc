// SPDX-License-Identifier: GPL-2.0-or-later

// Templates, classes in namespaces, lambdas, exceptions, and much of the standard library.

#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

namespace shapes
{
struct shape {
	virtual ~shape() = default;
	virtual double area() const = 0;
};

template <typename T> class box : public shape
{
	T width, height;

      public:
	box(T w, T h) : width(w), height(h) {}
	double area() const override { return static_cast<double>(width) * height; }
};

namespace
{
struct hidden : shape {
	double area() const override { return std::accumulate(sides.begin(), sides.end(), 0.5); }
	std::vector<double> sides{1, 2, 3};
};
} // namespace

std::unique_ptr<shape> make(int kind)
{
	switch (kind % 3) {
	case 0:
		return std::make_unique<box<int>>(kind, 2);
	case 1:
		return std::make_unique<box<double>>(kind, 2.5);
	default:
		return std::make_unique<hidden>();
	}
}
} // namespace shapes

template <typename Map> static std::string describe(const Map &map)
{
	std::ostringstream out;

	for (const auto &[key, value] : map)
		out << key << '=' << value << ';';
	return out.str();
}

int main(int argc, char **argv)
{
	std::map<std::string, double> areas;
	std::unordered_map<int, std::vector<std::string>> words;
	std::vector<std::function<int(int)>> functions;

	for (int i = 0; i < 30; i++) {
		auto shape = shapes::make(i);

		areas["shape" + std::to_string(i)] += shape->area();
		functions.push_back([i, &words](int x) {
			words[x % 7].push_back(std::to_string(x * i));
			return x + i;
		});
	}
	int total = 0;
	for (auto &function : functions)
		total += function(argc);
	for (auto &[key, list] : words)
		std::sort(list.begin(), list.end(),
			[](const auto &a, const auto &b) { return a.size() < b.size() || a > b; });
	try {
		if (total < 0)
			throw std::runtime_error(argv[0]);
		std::cout << describe(areas) << total << words.at(argc % 7).size() << '\n';
	} catch (const std::exception &error) {
		std::cerr << error.what() << '\n';
		return 1;
	}
	return 0;
}
