/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Distributions and their inverses, for tests and intervals; libc has only the logarithm of the gamma
 * function. "DLMF" is the NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov.
 * Relative errors are below 1e-9 in the ranges that are used.
 */

#include <stddef.h>

/* The regularized incomplete beta function I_x(a, b) for a, b > 0 and x in 0…1: the continued
 * fraction DLMF 8.17.22, evaluated by Lentz's method as modified by Thompson and Barnett. */
double statistics_beta(double a, double b, double x);

/* The regularized incomplete gamma function P(a, x): the series DLMF 8.11.4 below a + 1, the
 * continued fraction DLMF 8.9.2 above. */
double statistics_gamma(double a, double x);

/* P(|T| > |t|) of Student's t; the degrees of freedom need not be whole; infinite: the normal. */
double statistics_t_tail(double t, double df);

/* The quantile of Student's t, p in 0…1 exclusive. */
double statistics_t_quantile(double p, double df);

/* P(X > x) of chi-squared. */
double statistics_chi2_tail(double x, double df);

/* P(X > x) of Fisher's F, the ratio of two estimates of one variance (DLMF 8.17 by way of the beta
 * distribution); df2 may be infinite. */
double statistics_f_tail(double x, double df1, double df2);

/* P(X >= k) of n tries at probability p (DLMF 8.17.5). */
double statistics_binomial_tail(double k, double n, double p);

/* The derivatives of the logarithm of the gamma function, for x > 0: recurrence (DLMF 5.5.2) up to
 * 12, then the asymptotic series (DLMF 5.11.2 and its derivative). */
double statistics_digamma(double x);
double statistics_trigamma(double x);
/* The x with trigamma(x) = y > 0 (it is needed by G. K. Smyth, "Linear models
 * and empirical Bayes methods", Stat. Appl. Genet. Mol. Biol. 3, 2004). */
double statistics_trigamma_inverse(double y);

/*
 * Benjamini and Hochberg's procedure ("Controlling the false discovery rate", J. R. Statist. Soc. B
 * 57, 1995): the largest p of n (in any order, unchanged) that is rejected at rate q, or -1 if none.
 * NAN where memory was short.
 */
double statistics_bh_threshold(const double *p, size_t n, double q);

/* The weighted median of n values; the mean of the two middle ones where they share the middle.
 * NAN of none, or where memory was short. */
double statistics_median(const double *values, const double *weights, size_t n);

struct mean {
	double value, variance; /* the latter of the mean, not of one value */
};

/*
 * The interval of means[1] / means[0], neither below 0, with `t` standard errors to each side: E. C.
 * Fieller, "Some problems in interval estimation", J. R. Statist. Soc. B 16, 1954. It begins at 0 at the
 * least; where the denominator may be zero, it has no upper end.
 */
void statistics_ratio_interval(
	const struct mean means[2], double t, double *ret_low, double *ret_high);
