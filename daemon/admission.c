/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is under way is counted anew for each request: there are a hundred recordings at most. */

#include "daemon/admission.h"

#include "daemon/base/limits.h"
#include "daemon/base/shares.h"
#include "daemon/manager-state.h"
#include "daemon/recording.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

static const struct share_rule recordings_rule = {
	LIMIT_RECORDINGS, LIMIT_RECORDINGS_PER_UID, LIMIT_RECORDINGS_LITTLE};
static const struct share_rule frequencies_rule = {
	LIMIT_FREQUENCIES_HZ, LIMIT_FREQUENCIES_PER_UID_HZ, LIMIT_FREQUENCIES_LITTLE_HZ};

/* What is under way: of one user, and of all. */
struct under_way {
	uint64_t n_own, n_all;
	double own_hz, all_hz; /* of those who are no admins */
};

static struct under_way count(const struct list *recordings, uid_t uid)
{
	struct under_way found = {};

	list_for_each (recordings, link) {
		const struct recording *recording = container_of(link, struct recording, link);
		bool is_own = recording->owner.uid == uid;
		double hz = recording->owner.is_admin ? 0 : recording->state.frequency_hz;

		if (!recording->pipeline)
			continue;
		found.n_all++;
		found.n_own += is_own;
		found.all_hz += hz;
		found.own_hz += is_own ? hz : 0;
	}
	return found;
}

static int share_refuse(struct failure *ret_failure, const struct share_rule *rule,
	enum share_verdict verdict, const char *const what[])
{
	if (verdict == SHARE_GRANTED)
		return 0;
	return manager_refuse_limit(
		ret_failure, what[verdict == SHARE_OF_ALL_USED], share_limit(rule, verdict));
}

/* What the recordings of users ask for in all is a matter of them alone: an admin is held to the limit
 * of one recording. */
static int shares_check(const struct under_way *found, const struct access_caller *caller,
	double hz, struct failure *ret_failure)
{
	static const char *const recordings[] = {
		"recordings of one user under way", "recordings under way"};
	static const char *const frequencies[] = {
		"frequencies of one user's recordings together (Hz)",
		"frequencies of all users' recordings together (Hz)"};
	enum share_verdict verdict = share_check(
		&recordings_rule, caller->is_admin, found->n_own + 1, found->n_all + 1);
	int r = share_refuse(ret_failure, &recordings_rule, verdict, recordings);

	if (r < 0 || caller->is_admin)
		return r;
	verdict = share_check(&frequencies_rule, false, (uint64_t)(found->own_hz + hz),
		(uint64_t)(found->all_hz + hz));
	return share_refuse(ret_failure, &frequencies_rule, verdict, frequencies);
}

int admission_check(const struct list *recordings, const struct access_caller *caller,
	const struct recording_request *request, struct failure *ret_failure)
{
	struct under_way found = count(recordings, caller->uid);

	if (selector_size(&request->selector) > LIMIT_NAMED)
		return manager_refuse_limit(
			ret_failure, "targets of a kind in one recording", LIMIT_NAMED);
	if (!(request->frequency_hz > 0 && request->frequency_hz <= LIMIT_FREQUENCY_HZ))
		return manager_refuse_limit(ret_failure, "frequency (Hz)", LIMIT_FREQUENCY_HZ);
	if (request->duration_ns / NS_PER_SECOND > LIMIT_DURATION_SECONDS)
		return manager_refuse_limit(
			ret_failure, "duration (seconds)", LIMIT_DURATION_SECONDS);
	return shares_check(&found, caller, request->frequency_hz, ret_failure);
}
