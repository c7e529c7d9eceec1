/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Inlined calls in each other, cold parts, loops, names that only this file knows. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/worker/names/many.h"

struct tree {
	struct tree *left, *right;
	unsigned key, weight;
};

static unsigned state = 1;

static inline unsigned random_number(void)
{
	state = mix(state + 0x9e3779b9u);
	return state;
}

static inline unsigned weight_of(const struct tree *tree)
{
	return tree ? tree->weight : 0;
}

static inline void weigh(struct tree *tree)
{
	tree->weight = 1 + weight_of(tree->left) + weight_of(tree->right);
}

static struct tree *rotate(struct tree *tree, int to_left)
{
	struct tree *child = to_left ? tree->right : tree->left;

	if (!child)
		return tree;
	if (to_left) {
		tree->right = child->left;
		child->left = tree;
	} else {
		tree->left = child->right;
		child->right = tree;
	}
	weigh(tree);
	weigh(child);
	return child;
}

static struct tree *insert(struct tree *tree, unsigned key)
{
	if (!tree) {
		tree = calloc(1, sizeof(*tree));
		if (!tree) {
			perror("calloc");
			exit(1);
		}
		tree->key = key;
		tree->weight = 1;
		return tree;
	}
	if (key < tree->key)
		tree->left = insert(tree->left, key);
	else
		tree->right = insert(tree->right, key);
	weigh(tree);
	if (clamp(weight_of(tree->left), 0, 100) > 2 * weight_of(tree->right) + 2)
		return rotate(tree, 0);
	return rotate(tree, mix(key) & 1);
}

static unsigned long sum(const struct tree *tree)
{
	return tree ? sum(tree->left) + tree->key + sum(tree->right) : 0;
}

static int compare(const void *a, const void *b)
{
	unsigned left = *(const unsigned *)a, right = *(const unsigned *)b;

	return left < right ? -1 : left > right;
}

static unsigned hash_text(const char *text)
{
	unsigned hash = 5381;

	for (; *text; text++) {
		switch (tolower((unsigned char)*text)) {
		case 'a':
			hash = mix(hash);
			break;
		case 'e':
			hash = clamp(hash, 7, 1u << 20);
			break;
		case 'z':
			if (hash == 42)
				abort();
			/* fall through */
		default:
			hash = hash * 33 + (unsigned)*text;
		}
	}
	return hash;
}

int main(int argc, char **argv)
{
	struct tree *tree = NULL;
	unsigned numbers[256], total = 0;

	for (int i = 0; i < 256; i++) {
		numbers[i] = random_number();
		tree = insert(tree, numbers[i]);
	}
	qsort(numbers, 256, sizeof(*numbers), compare);
	for (int i = 0; i < argc; i++)
		total += hash_text(argv[i]) + numbers[i % 256];
	printf("%lu %u\n", sum(tree), total + other(total));
	return 0;
}
