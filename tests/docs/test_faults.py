"""docs/faults.md: faults that tests inject, what happens, and how to go on.

`python tests/docs/test_faults.py > docs/faults.md` writes it anew.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
AGAIN = "`make run`"
DELETE = "delete the named file, then `make run`"
HEAD = """# Faults

Faults that the tests inject, what happens then, and how to go on. Each line names its test; another
test keeps this page up to date. `make verify` lists results that are damaged, stale, missing or
foreign; `make why` says what a run would do about them.

| fault | what happens | to go on | test, below `tests/` |
| --- | --- | --- | --- |
"""
FAULTS = [
    (
        "disk full while a table is written",
        "the error names it; the previous table stays",
        "free some space, then `make run`",
        "unit/contracts/test_tables.py::test_a_full_disk_leaves_the_table_of_before",
    ),
    (
        "disk full while a figure, page, sound, folder, database or download is written",
        "the error names it; nothing half-written takes its place",
        "free some space, then `make run`",
        "unit/runtime/test_errors.py::"
        "test_a_full_disk_is_one_sentence_with_file_and_remedy_whatever_is_written",
    ),
    (
        "quota used up, file system read-only, no permission, too many open files, disk failing, "
        "name too long",
        "the error names the file and the remedy",
        "as the error says, then `make run`",
        "unit/runtime/test_errors.py::test_an_error_of_the_system_names_the_file_and_what_to_do",
    ),
    (
        "job killed while a folder is written",
        "the previous folder stays, or there is none",
        AGAIN,
        "unit/runtime/test_errors.py::test_a_folder_is_whole_or_what_it_was",
    ),
    (
        "half-written files left by killed jobs",
        "they are removed at the next start, unless a run is going on",
        AGAIN,
        "workflow/test_preflight.py::test_what_a_killed_job_left_is_removed_unless_a_run_is_going_on",
    ),
    (
        "job killed, as by a system that lacks memory",
        "the job fails; console and log say that it was killed",
        "give it more memory or run fewer jobs at once, then `make run`",
        "workflow/test_launch.py::"
        "test_a_job_that_was_killed_is_said_to_be_so_on_the_console_and_in_its_log",
    ),
    (
        "out of memory",
        "the error is one sentence",
        "give the job more memory, then `make run`",
        "unit/runtime/test_errors.py::test_memory_that_runs_out_is_one_sentence",
    ),
    (
        "training killed at any moment, even while it writes a checkpoint",
        "the next run goes on from the last whole checkpoint, to the same bits",
        AGAIN,
        "unit/training/test_resume.py::test_killed_over_and_over_and_while_it_writes_a_checkpoint",
    ),
    (
        "training warned by a scheduler that its time is up (SIGTERM)",
        "it writes a checkpoint at once and ends",
        "`make run`, which goes on from there",
        "unit/training/test_resume.py::"
        "test_told_to_end_it_writes_a_checkpoint_and_goes_on_from_there",
    ),
    (
        "checkpoint of a training damaged",
        "it is set aside with a sentence; the training starts over",
        AGAIN,
        "unit/training/test_resume.py::test_a_damaged_checkpoint_is_set_aside",
    ),
    (
        "checkpoint of other code, settings or clips",
        "it is set aside with a sentence, and found again if these come back",
        "nothing to do",
        "unit/training/test_resume.py::"
        "test_a_checkpoint_of_something_else_is_set_aside_and_found_again",
    ),
    (
        "weights of a training no longer finite",
        "the training ends; the error names the step and the last checkpoint, whose weights are",
        "lower the setting that the error names, then `make run`",
        "unit/training/test_resume.py::"
        "test_no_checkpoint_and_no_model_has_weights_that_are_not_finite",
    ),
    (
        "process of a training that several share killed, as for lack of memory",
        "the training ends; the error says which process, and of what",
        "`make run`, which goes on from the last checkpoint",
        "unit/training/test_ranks.py::test_a_rank_that_dies_ends_all_with_one_sentence",
    ),
    (
        "process that Snakemake started for a job killed",
        "the job ends with it, and fails",
        AGAIN,
        "workflow/test_warm.py::test_a_job_ends_with_the_process_that_it_stands_for",
    ),
    (
        "SIGTERM to make",
        "Snakemake and its jobs end; nothing half-written stays",
        AGAIN,
        "workflow/test_make.py::test_a_second_run_is_told_so_and_sigterm_to_make_ends_all_of_the_first",
    ),
    (
        "SIGINT to make or to Snakemake alone",
        "the jobs receive SIGTERM and end with the run; nothing half-written stays. make does not "
        "pass it on: on Linux, Snakemake sees that make waits for its end, elsewhere send SIGTERM",
        AGAIN,
        "workflow/test_make.py::test_sigint_to_make_or_snakemake_alone_ends_all",
    ),
    (
        "a second run in the same folder",
        "the second ends with one sentence; the first goes on",
        "wait for the first, then `make run`",
        "workflow/test_make.py::test_a_second_run_is_told_so_and_sigterm_to_make_ends_all_of_the_first",
    ),
    (
        "result that appears late, as on a network file system",
        "the run waits for it, up to `latency-wait` seconds",
        "nothing to do",
        "workflow/test_make.py::test_a_result_that_appears_late_is_waited_for",
    ),
    (
        "result that never appears",
        "the error names it, and the option to wait longer",
        '`make run`, or `make run ARGS="--latency-wait 60"`',
        "workflow/test_make.py::test_a_result_that_never_appears_is_named",
    ),
    (
        "results folder a symbolic link, home not writable",
        "everything works as usual",
        "nothing to do",
        "workflow/test_make.py::test_results_on_a_link_and_no_home_to_write_to",
    ),
    (
        "results folder a broken symbolic link",
        "the error names it before anything runs",
        "mount its target, or point the link elsewhere",
        "workflow/test_preflight.py::test_a_link_to_nowhere_is_named",
    ),
    (
        "Control-C",
        "everything ends without a message",
        AGAIN,
        "workflow/test_warm.py::test_control_c_ends_everything_without_a_word",
    ),
    (
        "project or results read-only",
        "the error names the folder before anything runs",
        "mount it writable, or change its permissions",
        "workflow/test_preflight.py::test_a_folder_that_is_mounted_read_only_is_named",
    ),
    (
        "clock set back, so that results are dated in the future",
        "the error names one before anything runs",
        "correct the clock, or `make run ARGS=--touch`",
        "workflow/test_preflight.py::test_a_result_of_the_future_is_named_before_anything_runs",
    ),
    (
        "clock set back between two jobs of a run",
        "the later one is done once more, to the same bytes",
        "nothing to do",
        "workflow/test_preflight.py::test_a_clock_set_back_between_two_jobs_costs_one_of_them_once",
    ),
    (
        "results copied to another clone without their dates and `.snakemake`",
        "they would be made again",
        "`make run ARGS=--touch`, which accepts them",
        "workflow/test_provenance.py::test_a_real_run_records_itself_and_its_results_can_be_moved",
    ),
    (
        "code edited during a run",
        "jobs that have not begun refuse to run",
        AGAIN,
        "workflow/test_surroundings.py::test_a_job_of_a_run_refuses_code_that_was_edited_meanwhile",
    ),
    (
        "configuration or code edited during a run on a cluster",
        "jobs that see the edit refuse to run",
        AGAIN,
        "workflow/test_preflight.py::test_a_job_that_sees_another_configuration_or_code_refuses",
    ),
    (
        "configuration file in another encoding",
        "the error names file and line",
        "save it as UTF-8",
        "workflow/test_preflight.py::test_configuration_files_are_checked",
    ),
    (
        "bit flipped in a table",
        "reading it fails; the error names it",
        DELETE,
        "unit/contracts/test_tables.py::test_a_flipped_bit_in_a_page_is_never_silent",
    ),
    (
        "bit flipped anywhere in a table or in weights",
        "`make verify` lists it",
        DELETE,
        "unit/runtime/test_seals.py::test_no_flipped_bit_of_a_table_or_of_weights_is_silent",
    ),
    (
        "file truncated",
        "it is refused; the error names it",
        DELETE,
        "unit/runtime/test_seals.py::test_a_file_cut_short_is_damaged",
    ),
    (
        "bit flipped in stored clips",
        "reading them fails; the error names the file",
        '`make run ARGS="--forcerun prepare_<dataset>"`',
        "unit/data/test_stored.py::test_a_flipped_bit_of_a_sample_is_never_silent",
    ),
    (
        "weights damaged, or another model's",
        "loading them fails; the error names the folder",
        "delete the named folder, then `make run`",
        "unit/models/test_checkpoint.py::test_a_flipped_bit_or_another_models_weights_are_refused",
    ),
    (
        "card of a model edited",
        "loading the model fails; the error names the folder",
        "delete the named folder, then `make run`",
        "unit/models/test_checkpoint.py::test_an_edited_card_is_refused",
    ),
    (
        "part of a table missing",
        "`make verify` lists it",
        AGAIN,
        "workflow/test_proof.py::test_a_missing_part",
    ),
    (
        "part of prepared clips or of kept weights missing",
        "`make verify` lists it; all parts are made again",
        AGAIN,
        "workflow/test_proof.py::test_a_lost_part_of_prepared_clips_is_made_again",
    ),
    (
        "table made by other code",
        "it is made again, even without `.snakemake`",
        AGAIN,
        "workflow/test_proof.py::test_a_table_of_older_code_and_the_module_that_changed",
    ),
    (
        "table made under another configuration",
        "it is made again, even without `.snakemake`",
        AGAIN,
        "workflow/test_proof.py::test_a_table_of_another_configuration_and_the_key_that_changed",
    ),
    (
        "page older than the tables it shows",
        "`make verify` lists it; it is made again, even without `.snakemake`",
        AGAIN,
        "workflow/test_proof.py::test_a_page_of_inputs_that_its_job_is_not_told",
    ),
    (
        "table made from fewer or more inputs, such as another number of seeds",
        "`make verify` lists it and the inputs that differ",
        AGAIN,
        "workflow/test_proof.py::test_a_table_of_other_inputs_is_stale_and_says_of_which",
    ),
    (
        "recording of a local corpus replaced, added or removed",
        "`make verify` lists what it was made into; it is made again, even without `.snakemake`",
        AGAIN,
        "workflow/test_proof.py::test_recordings_changed_are_noticed_without_snakemakes_records",
    ),
    (
        "background or stem replaced, added or removed",
        "`make verify` lists what it was made into; it is made again, even without `.snakemake`",
        AGAIN,
        "unit/plan/test_outside.py::test_a_training_reads_the_recordings_that_it_mixes_in",
    ),
    (
        "document or other stray file put into a local corpus",
        "it does not count, unless its layout reads all that is there",
        "nothing to do",
        "unit/data/corpora/test_listing.py::test_only_files_that_a_layout_reads_count",
    ),
    (
        "older table restored with its old date",
        "it is made again",
        AGAIN,
        "workflow/test_proof.py::test_an_older_gathered_table_put_back_is_remade",
    ),
    (
        "foreign files; a table in the place of another",
        "`make verify` lists them",
        "move foreign files away; " + DELETE,
        "workflow/test_proof.py::test_foreign_files_and_a_table_in_the_place_of_another",
    ),
    (
        "page or figure edited",
        "`make verify` lists it",
        DELETE,
        "workflow/test_proof.py::test_a_page_that_was_edited_and_one_that_nothing_vouches_for",
    ),
]


def page() -> str:
    return HEAD + "".join(f"| {' | '.join(row[:3])} | `{row[3]}` |\n" for row in FAULTS)


def test_the_page_lists_the_tests():
    assert (ROOT / "docs" / "faults.md").read_text(encoding="utf-8") == page()


def test_each_fault_has_its_test():
    for *_, test in FAULTS:
        file, name = test.split("::")
        text = (TESTS / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {name}\(", text, re.MULTILINE), test


if __name__ == "__main__":
    print(page(), end="")
