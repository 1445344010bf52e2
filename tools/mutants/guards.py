"""The guards, how each is taken away, and the test that must notice.

The text of a guard must be found exactly once in its file: who moves or rewrites a guard changes
its row here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Guard:
    """One row.

    Parameters
    ----------
    path
        The file, from the repository's root.
    text, instead
        What stands there, and what stands there without the guard.
    test
        The pytest node that must fail then.
    """

    name: str
    path: str
    text: str
    instead: str
    test: str


_OPERATOR, _TRAINER = "operator/src/clm_operator", "trainer-image/src/clm_trainer"
_LOCKS = "tests/operator/test_locks.py"
GUARDS = (
    Guard(
        "a slot's name is a lock: all who make its version call it the same",
        f"{_OPERATOR}/names.py",
        '    return f"{schedule}-{slot_of(slot)}"\n',
        "    return f'{schedule}-{slot_of(slot)}-{datetime.now():%f}'\n",
        f"{_LOCKS}::test_of_two_that_see_a_slot_due_one_makes_its_version",
    ),
    Guard(
        "a Job whose name is taken is left to the next round",
        f"{_OPERATOR}/cluster/resources.py",
        "manifest)\n        except ExistsError:\n            return None\n",
        "manifest)\n        except ExistsError:\n            return manifest\n",
        f"{_LOCKS}::test_of_two_that_make_a_job_the_second_leaves_it_to_the_next_round",
    ),
    Guard(
        "a Job counts as a version's only if the version owns it",
        f"{_OPERATOR}/round/deriving.py",
        "        if job is None or version.spec is None or _is_foreign(version, job):\n",
        "        if job is None or version.spec is None:\n",
        "tests/operator/units/test_outcomes.py::test_what_came_of_a_run"
        "[somebody else's Job of that name is a collision]",
    ),
    Guard(
        "who withdraws a version that has come into production meanwhile stops no bot",
        f"{_OPERATOR}/stages/requests.py",
        "        halts_by_accident,\n",
        "",
        "tests/operator/units/test_halt.py::test_a_halt_is_refused"
        "[without a word of what is there]",
    ),
    Guard(
        "only a person ends what a person began",
        f"{_OPERATOR}/stages/automatic.py",
        "rested_at(schedule, now) and not halted_by_a_person(schedule)",
        "rested_at(schedule, now)",
        "tests/operator/units/test_halt.py::"
        "test_automatic_promotes_nothing_while_a_person_has_halted",
    ),
    Guard(
        "the token of a message whose run was made is remembered",
        f"{_OPERATOR}/slots/asks.py",
        '"settled_tokens": digests[-KEPT_TOKENS:]',
        '"settled_tokens": status.settled_tokens',
        "tests/operator/units/test_messages.py::test_the_newest_tokens_are_remembered",
    ),
    Guard(
        "a message whose token is remembered asks for nothing",
        f"{_OPERATOR}/edge/taking.py",
        "    if token_digest(request.token) in status.settled_tokens:\n",
        "    if token_digest(request.token) is None:\n",
        "tests/operator/test_inbox.py::test_a_token_that_is_known_asks_for_no_second_run",
    ),
    Guard(
        "a status is written only over the resourceVersion that was read",
        f"{_OPERATOR}/cluster/api.py",
        '        guarded = {**body, "metadata": {"resourceVersion": version}}\n',
        "        guarded = body\n",
        f"{_LOCKS}::test_nothing_is_written_over_a_change_that_was_not_seen",
    ),
    Guard(
        "a version is deleted only as it was read",
        f"{_OPERATOR}/cluster/api.py",
        '        guard = {"uid": uid} | ({"resourceVersion": version} if version else {})\n',
        '        guard = {"uid": uid}\n',
        f"{_LOCKS}::test_a_version_that_was_changed_since_it_was_seen_is_not_deleted",
    ),
    Guard(
        "what a create rests on is read live",
        f"{_OPERATOR}/round/round.py",
        "            if decided.creates and await self._outdated(decided, key):\n",
        "            if decided.creates and await self._outdated(decided, key) is None:\n",
        f"{_LOCKS}::test_no_run_begins_of_a_schedule_that_was_suspended_unseen",
    ),
    Guard(
        "a round sees its own last write",
        f"{_OPERATOR}/cluster/resources.py",
        "        self.mirror.put(kind, after, own=True)\n",
        "",
        f"{_LOCKS}::test_a_round_decides_on_nothing_that_is_older_than_its_own_writes",
    ),
    Guard(
        "an event that comes late changes nothing",
        f"{_OPERATOR}/mirror/table.py",
        "        if row is not None and not self._replaces(version, row.version, look):\n",
        "        if row is None and version is None:\n",
        "tests/operator/units/test_mirror.py::test_the_newest_form_is_shown"
        "[an event that comes late is no news]",
    ),
    Guard(
        "a deleted object is not revived",
        f"{_OPERATOR}/mirror/table.py",
        "        if uid in self._gone and not self._is_back(uid, version, look):\n",
        "        if not uid:\n",
        "tests/operator/units/test_mirror.py"
        "::test_what_is_deleted_is_not_revived_by_an_answer_that_comes_late",
    ),
    Guard(
        "what nobody has told is told by the next operator",
        f"{_OPERATOR}/round/writing.py",
        "{one.id for one in await self.teller.tell(key, raw, waiting, now)}",
        "set[str]()",
        "tests/operator/units/test_telling.py"
        "::test_an_operator_that_was_killed_before_it_told_is_stood_in_for_by_the_next",
    ),
    Guard(
        "a Lease that another operator holds is left to it",
        f"{_OPERATOR}/edge/election.py",
        "        if self.holder and not self.is_mine and now < self.free_at:\n",
        "        if self.holder and not self.is_mine and now < self.seen_at:\n",
        "tests/operator/units/test_election.py::test_what_may_be_claimed"
        "[another holds it, just seen]",
    ),
    Guard(
        "an operator that does not lead writes nothing",
        f"{_OPERATOR}/cluster/api.py",
        "        if not self._leads():\n",
        "        if self._leads is None:\n",
        "tests/operator/units/test_scheduler.py"
        "::test_a_write_that_waited_until_another_leads_is_not_made",
    ),
    Guard(
        "monitoring asks for one run a cooldown",
        f"{_OPERATOR}/slots/retrain.py",
        "        due = max(due, last + duration(spec.monitoring.cooldown))\n",
        "        due = max(due, last)\n",
        "tests/operator/units/test_retrain.py::test_one_a_cooldown_while_the_trouble_lasts",
    ),
    Guard(
        "newest positions are never taken back",
        f"{_OPERATOR}/store/pointer.py",
        "if found is not None and _rank(found) > _rank(wanted):",
        "if found is None and _rank(wanted) > _rank(wanted):",
        "tests/operator/units/test_signals.py::test_what_the_store_says_afterwards",
    ),
    Guard(
        "a manifest is created once and never written over",
        f"{_TRAINER}/storage.py",
        'self._store.put(path, content, mode="create", use_multipart=False)',
        'self._store.put(path, content, mode="overwrite", use_multipart=False)',
        "tests/store/test_contract.py::test_an_object_is_created_once[minio]",
    ),
    Guard(
        "a series is fetched by one run at a time",
        f"{_TRAINER}/sources/lease.py",
        "            if record.until <= self.clock() or waited_s >= LEASE_S:\n",
        "            if self.clock() or waited_s >= LEASE_S:\n",
        "tests/trainer/sources/test_lease.py::test_a_living_runs_lease_goes_on",
    ),
    Guard(
        "rows whose label reaches the test block are purged",
        f"{_TRAINER}/evaluation/splits.py",
        "        reaching = self.reach >= boundary\n",
        "        reaching = self.reach > boundary\n",
        "tests/trainer/evaluation/test_splits.py::test_no_label_reaches_what_comes_after",
    ),
    Guard(
        "a value that a bar uses was known by its close",
        f"{_TRAINER}/sources/asof.py",
        "    early = used[_first_known(rows, seen[used]) > closes[used]]\n",
        "    early = used[:0]\n",
        "tests/trainer/sources/test_asof.py"
        "::test_one_value_of_all_bars_that_came_too_early_is_found",
    ),
    Guard(
        "every fill pays its costs",
        f"{_TRAINER}/evaluation/backtest.py",
        "        at_open, inside, play.cost_bps / 1e4, wanted_before, marks,",
        "        at_open, inside, 0.0, wanted_before, marks,",
        "tests/trainer/evaluation/test_backtest.py"
        "::test_doubled_costs_take_exactly_the_extra_costs",
    ),
)
