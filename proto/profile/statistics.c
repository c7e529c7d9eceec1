/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Small and slow rather than clever: inverses are found by halving an interval, which cannot fail.
 * Each function is pure; the sources of the formulas are in the header.
 */

#include "proto/profile/statistics.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"

#define STEPS_MAX 10000
#define TINY 1e-300
/* Degrees of freedom above which t is the normal. */
#define DF_NORMAL 1e7

/* Lentz: keeps numerators and denominators away from zero. */
static double not_zero(double x)
{
	return fabs(x) < TINY ? TINY : x;
}

/* The continued fraction of I_x(a, b), which converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
	double c = 1, d = 1 / not_zero(1 - (a + b) * x / (a + 1)), h = d;

	for (int m = 1; m < STEPS_MAX; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double step;

		d = 1 / not_zero(1 + even * d);
		c = not_zero(1 + even / c);
		h *= d * c;
		d = 1 / not_zero(1 + odd * d);
		c = not_zero(1 + odd / c);
		step = d * c;
		h *= step;
		if (fabs(step - 1) < 4 * DBL_EPSILON)
			break;
	}
	return h;
}

double statistics_beta(double a, double b, double x)
{
	double front;

	if (x <= 0 || x >= 1)
		return x <= 0 ? 0 : 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

static double gamma_series(double a, double x)
{
	double term = 1 / a, sum = term;

	for (int n = 1; n < STEPS_MAX; n++) {
		term *= x / (a + n);
		sum += term;
		if (fabs(term) < fabs(sum) * DBL_EPSILON)
			break;
	}
	return sum * exp(a * log(x) - x - lgamma(a));
}

/* Of 1 - P. */
static double gamma_fraction(double a, double x)
{
	double b = x + 1 - a, c = 1 / TINY, d = 1 / not_zero(b), h = d;

	for (int n = 1; n < STEPS_MAX; n++) {
		double numerator = -n * (n - a), step;

		b += 2;
		d = 1 / not_zero(numerator * d + b);
		c = not_zero(b + numerator / c);
		step = d * c;
		h *= step;
		if (fabs(step - 1) < 4 * DBL_EPSILON)
			break;
	}
	return h * exp(a * log(x) - x - lgamma(a));
}

double statistics_gamma(double a, double x)
{
	if (x <= 0)
		return 0;
	return x < a + 1 ? gamma_series(a, x) : 1 - gamma_fraction(a, x);
}

double statistics_chi2_tail(double x, double df)
{
	double a = df / 2, half = x / 2;

	if (half <= 0)
		return 1;
	return half < a + 1 ? 1 - gamma_series(a, half) : gamma_fraction(a, half);
}

double statistics_f_tail(double x, double df1, double df2)
{
	if (!(x > 0))
		return 1;
	if (df2 > DF_NORMAL)
		return statistics_chi2_tail(x * df1, df1);
	return statistics_beta(df2 / 2, df1 / 2, df2 / (df2 + df1 * x));
}

double statistics_t_tail(double t, double df)
{
	if (isnan(t) || !(df > 0))
		return 1;
	if (df > DF_NORMAL)
		return erfc(fabs(t) / M_SQRT2);
	return statistics_beta(df / 2, 0.5, df / (df + t * t));
}

double statistics_t_quantile(double p, double df)
{
	double tail = 2 * (p < 0.5 ? p : 1 - p), low = 0, high = 1;

	if (!(p > 0 && p < 1))
		return p >= 1 ? INFINITY : -INFINITY;
	while (statistics_t_tail(high, df) > tail && high < 1e12)
		high *= 2;
	for (int i = 0; i < 100 && high - low > 1e-12 * high; i++) {
		double middle = (low + high) / 2;

		if (statistics_t_tail(middle, df) > tail)
			low = middle;
		else
			high = middle;
	}
	return p < 0.5 ? -high : high;
}

double statistics_binomial_tail(double k, double n, double p)
{
	if (k <= 0)
		return 1;
	return k > n ? 0 : statistics_beta(k, n - k + 1, p);
}

double statistics_digamma(double x)
{
	double sum = 0, y;

	for (; x < 12; x++)
		sum -= 1 / x;
	y = 1 / (x * x);
	return sum + log(x) - 1 / (2 * x) -
		y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y / 132))));
}

double statistics_trigamma(double x)
{
	double sum = 0, y;

	for (; x < 12; x++)
		sum += 1 / (x * x);
	y = 1 / (x * x);
	return sum + 1 / x + y / 2 +
		y / x * (1.0 / 6 - y * (1.0 / 30 - y * (1.0 / 42 - y * (1.0 / 30 - y * 5 / 66))));
}

double statistics_trigamma_inverse(double y)
{
	double low = 1e-8, high = 1e8;

	if (!(y > 0))
		return INFINITY;
	/* It falls all along: halved on a scale of logarithms. */
	for (int i = 0; i < 200; i++) {
		double middle = sqrt(low * high);

		if (statistics_trigamma(middle) > y)
			low = middle;
		else
			high = middle;
	}
	return high;
}

static int double_compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

double statistics_bh_threshold(const double *p, size_t n, double q)
{
	CLEANUP(freep) double *sorted = calloc(n + 1, sizeof(*sorted));

	if (!sorted)
		return NAN;
	for (size_t i = 0; i < n; i++)
		sorted[i] = p[i];
	qsort(sorted, n, sizeof(*sorted), double_compare);
	for (size_t i = n; i; i--)
		if (sorted[i - 1] <= q * (double)i / (double)n)
			return sorted[i - 1];
	return -1;
}

struct weighted {
	double value, weight;
};

double statistics_median(const double *values, const double *weights, size_t n)
{
	CLEANUP(freep) struct weighted *sorted = calloc(n + 1, sizeof(*sorted));
	double whole = 0, sum = 0;

	if (!sorted || !n)
		return NAN;
	for (size_t i = 0; i < n; i++) {
		sorted[i] = (struct weighted){values[i], weights ? weights[i] : 1};
		whole += sorted[i].weight;
	}
	/* The value is the first member. */
	qsort(sorted, n, sizeof(*sorted), double_compare);
	for (size_t i = 0; i < n; i++) {
		sum += sorted[i].weight;
		if (fabs(2 * sum - whole) <= 1e-12 * whole && i + 1 < n)
			return (sorted[i].value + sorted[i + 1].value) / 2;
		if (2 * sum > whole)
			return sorted[i].value;
	}
	return sorted[n - 1].value;
}

void statistics_ratio_interval(
	const struct mean means[2], double t, double *ret_low, double *ret_high)
{
	double a = means[0].value * means[0].value - t * t * means[0].variance;
	double b = means[0].value * means[1].value;
	double c = means[1].value * means[1].value - t * t * means[1].variance;
	double root = sqrt(fmax(0, b * b - a * c));

	*ret_low = c > 0 && b + root > 0 ? c / (b + root) : 0;
	*ret_high = a > 0 ? (b + root) / a : INFINITY;
}
