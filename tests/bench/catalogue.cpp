/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A C++ program with work in templates, strings and containers, for as long as it is left alone:
 * it files words under their length and counts them, over and over.
 */

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace catalogue
{

template <typename Key> class shelf {
      public:
	void put(const Key &key, const std::string &word)
	{
		words_[key].push_back(word);
	}

	std::size_t sort()
	{
		std::size_t n = 0;

		for (auto &[key, words] : words_) {
			std::sort(words.begin(), words.end());
			n += words.size();
		}
		return n;
	}

      private:
	std::map<Key, std::vector<std::string>> words_;
};

static std::string make_word(std::uint64_t &state)
{
	std::string word;

	for (state = state * 6364136223846793005u + 1442695040888963407u; word.size() < state >> 60;)
		word += static_cast<char>('a' + (state >> word.size() * 3) % 26);
	return word;
}

static std::size_t count_words(const std::vector<std::string> &words)
{
	std::unordered_map<std::string, unsigned> counts;

	for (const auto &word : words)
		counts[word]++;
	return counts.size();
}

static std::size_t round(std::uint64_t &state)
{
	shelf<std::size_t> by_length;
	std::vector<std::string> words;

	for (int i = 0; i < 20000; i++)
		words.push_back(make_word(state));
	for (const auto &word : words)
		by_length.put(word.size(), word);
	return by_length.sort() + count_words(words);
}

} // namespace catalogue

int main()
{
	std::uint64_t state = 1;

	for (;;)
		catalogue::round(state);
}
