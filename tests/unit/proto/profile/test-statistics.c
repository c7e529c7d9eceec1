/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Numerical methods: against closed forms, and tables printed in every textbook. */

#include "proto/profile/statistics.h"

#include <math.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define NEAR(got, wanted) ck_assert_double_eq_tol(got, wanted, 1e-9 * fmax(1, fabs(wanted)))

/* I_x(1, b) = 1 - (1-x)^b; I_x(a, 1) = x^a; I_x(1/2, 1/2) = 2/pi asin(sqrt x); symmetry. */
START_TEST(incomplete_beta_agrees_with_closed_forms)
{
	for (double x = 0.01; x < 1; x += 0.07) {
		for (double a = 0.25; a < 3000; a *= 3) {
			NEAR(statistics_beta(1, a, x), 1 - pow(1 - x, a));
			NEAR(statistics_beta(a, 1, x), pow(x, a));
			NEAR(statistics_beta(a, 2.5, x), 1 - statistics_beta(2.5, a, 1 - x));
		}
		NEAR(statistics_beta(0.5, 0.5, x), 2 / M_PI * asin(sqrt(x)));
	}
}
END_TEST

/* P(1, x) = 1 - e^-x; P(1/2, x) = erf(sqrt x); P(2, x) = 1 - (1 + x) e^-x. */
START_TEST(incomplete_gamma_agrees_with_closed_forms)
{
	for (double x = 0.001; x < 200; x *= 1.7) {
		NEAR(statistics_gamma(1, x), 1 - exp(-x));
		NEAR(statistics_gamma(0.5, x), erf(sqrt(x)));
		NEAR(statistics_gamma(2, x), 1 - (1 + x) * exp(-x));
		NEAR(statistics_chi2_tail(2 * x, 2), exp(-x));
	}
	ck_assert_double_eq_tol(statistics_chi2_tail(3.841458820694124, 1), 0.05, 1e-12);
	ck_assert_double_eq_tol(statistics_chi2_tail(16.918977604620448, 9), 0.05, 1e-12);
}
END_TEST

/* F of 2 and d has the tail (1 + 2x/d)^(-d/2); t squared is F of 1; one over F is F the other way. */
START_TEST(fishers_f_agrees_with_closed_forms)
{
	for (double x = 0.01; x < 100; x *= 1.9) {
		for (double df = 0.5; df < 3000; df *= 3) {
			NEAR(statistics_f_tail(x, 2, df), pow(1 + 2 * x / df, -df / 2));
			NEAR(statistics_f_tail(x, 1, df), statistics_t_tail(sqrt(x), df));
			NEAR(statistics_f_tail(x, 3, df), 1 - statistics_f_tail(1 / x, df, 3));
		}
		NEAR(statistics_f_tail(x, 4, INFINITY), statistics_chi2_tail(4 * x, 4));
	}
}
END_TEST

START_TEST(students_t_has_the_quantiles_of_the_tables)
{
	static const struct {
		double p, df, t;
	} rows[] = {
		{0.975, 1, 12.706204736174698},
		{0.975, 2, 4.302652729749464},
		{0.975, 4, 2.7764451051977987},
		{0.975, 10, 2.2281388519649385},
		{0.995, 5, 4.032142983557536},
		{0.95, 30, 1.6972608943617378},
		{0.975, 1e9, 1.959963984540054},
		{0.99, INFINITY, 2.3263478740408408},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ck_assert_double_eq_tol(
			statistics_t_quantile(rows[i].p, rows[i].df), rows[i].t, 1e-7);
		ck_assert_double_eq_tol(
			statistics_t_quantile(1 - rows[i].p, rows[i].df), -rows[i].t, 1e-7);
		ck_assert_double_eq_tol(
			statistics_t_tail(rows[i].t, rows[i].df), 2 * (1 - rows[i].p), 1e-8);
	}
	/* df = 1 is Cauchy's, df = 2 has a closed form; far tails too, and any df in between. */
	for (double t = 0.1; t < 1e4; t *= 3) {
		NEAR(statistics_t_tail(t, 1), 2 / M_PI * atan(1 / t));
		NEAR(statistics_t_tail(t, 2), 1 - t / sqrt(2 + t * t));
		ck_assert(statistics_t_tail(t, 1.5) < statistics_t_tail(t, 1));
		ck_assert(statistics_t_tail(t, 1.5) > statistics_t_tail(t, 2));
	}
	ck_assert_double_eq(statistics_t_tail(NAN, 3), 1);
}
END_TEST

/* By adding up the terms. */
START_TEST(binomial_tails_are_their_sums)
{
	for (int n = 1; n < 60; n += 7) {
		for (double p = 0.02; p < 1; p += 0.2) {
			double sum = 0;

			for (int k = n; k >= 0; k--) {
				sum += exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) +
					k * log(p) + (n - k) * log1p(-p));
				NEAR(statistics_binomial_tail(k, n, p), sum);
			}
		}
	}
}
END_TEST

/* psi(1) = -gamma, psi(1/2) = -gamma - 2 ln 2, psi'(1) = pi^2/6, psi'(1/2) = pi^2/2. */
START_TEST(digamma_and_trigamma_have_their_known_values)
{
	const double euler = 0.57721566490153286;

	NEAR(statistics_digamma(1), -euler);
	NEAR(statistics_digamma(0.5), -euler - 2 * M_LN2);
	NEAR(statistics_trigamma(1), M_PI * M_PI / 6);
	NEAR(statistics_trigamma(0.5), M_PI * M_PI / 2);
	for (double x = 0.01; x < 1e5; x *= 2.3) {
		NEAR(statistics_digamma(x + 1), statistics_digamma(x) + 1 / x);
		ck_assert_double_eq_tol(
			statistics_trigamma_inverse(statistics_trigamma(x)) / x, 1, 1e-7);
	}
	ck_assert(isinf(statistics_trigamma_inverse(0)));
	ck_assert(isinf(statistics_trigamma_inverse(-1)));
}
END_TEST

/* The example of their paper, section 4.1 (fifteen comparisons, q = 0.05: the first four). */
START_TEST(the_false_discovery_procedure_does_benjamini_and_hochbergs_example)
{
	static const double p[] = {0.4262, 0.0001, 0.0095, 0.0004, 0.0019, 0.0201, 0.0278, 0.0298,
		0.0344, 0.0459, 0.3240, 0.5719, 0.6528, 0.7590, 1.0000};

	ck_assert_double_eq(statistics_bh_threshold(p, ARRAY_SIZE(p), 0.05), 0.0095);
	ck_assert_double_eq(statistics_bh_threshold(p, ARRAY_SIZE(p), 1e-6), -1);
	ck_assert_double_eq(statistics_bh_threshold(p, 0, 0.05), -1);
}
END_TEST

START_TEST(medians_go_by_weight)
{
	static const double values[] = {5, 1, 3, 9}, weights[] = {1, 1, 1, 4};

	ck_assert_double_eq(statistics_median(values, NULL, 3), 3);
	ck_assert_double_eq(statistics_median(values, NULL, 4), 4);
	ck_assert_double_eq(statistics_median(values, weights, 4), 9);
	ck_assert(isnan(statistics_median(values, weights, 0)));
}
END_TEST

/* The ends are where a difference of the means would just be t standard errors. */
START_TEST(intervals_of_ratios_are_fiellers)
{
	const struct mean means[] = {{10, 1}, {12, 2}}, sure[] = {{10, 0}, {12, 0}};
	const struct mean vague[] = {{1, 4}, {12, 2}}, nothing[] = {{10, 1}, {0, 0}};
	double t = 2.5, ends[2];

	statistics_ratio_interval(means, t, &ends[0], &ends[1]);
	ck_assert(ends[0] < 1.2 && ends[1] > 1.2);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		ck_assert_double_eq_tol((12 - ends[i] * 10) * (12 - ends[i] * 10),
			t * t * (2 + ends[i] * ends[i]), 1e-9);
	statistics_ratio_interval(sure, t, &ends[0], &ends[1]);
	ck_assert_double_eq_tol(ends[0], 1.2, 1e-12);
	ck_assert_double_eq_tol(ends[1], 1.2, 1e-12);
	statistics_ratio_interval(vague, t, &ends[0], &ends[1]);
	ck_assert(ends[0] > 0 && isinf(ends[1]));
	statistics_ratio_interval(nothing, t, &ends[0], &ends[1]);
	ck_assert_double_eq(ends[0], 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		incomplete_beta_agrees_with_closed_forms,
		incomplete_gamma_agrees_with_closed_forms,
		fishers_f_agrees_with_closed_forms,
		students_t_has_the_quantiles_of_the_tables,
		binomial_tails_are_their_sums,
		digamma_and_trigamma_have_their_known_values,
		the_false_discovery_procedure_does_benjamini_and_hochbergs_example,
		medians_go_by_weight,
		intervals_of_ratios_are_fiellers,
	};

	return check_main("statistics", tests, ARRAY_SIZE(tests));
}
