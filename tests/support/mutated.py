"""Which modules `tests/mutation.py` changes, and which unit tests are to notice."""

SOUNDS = "sonification"
ENGINE, TRACE, MINING = f"{SOUNDS}/deconvnet", f"{SOUNDS}/trace", f"{SOUNDS}/mining"
METRICS, MEASURED = "evaluation/metrics", "evaluation/measurements"
STAGES, CLAIMS = "evaluation/stages", "paper/claims"
OF_ENGINE = [f"{ENGINE}/test_{name}.py" for name in ("convolution", "sonifier", "back_projection")]
SIMULATIONS = ("nothing_above_the_threshold", "one_number_at_the_threshold_beside_large_ones")
SIMULATIONS += ("a_difference_just_as_large_as_the_margin", "the_claim_of_two_parts")
SIMULATIONS += ("an_effect_of_delta_is_seldom_called_equivalent", "large_effects_are_decided")
SIMULATIONS += ("one_unsteady_layer_among_many_steady_ones", "two_intervals_cover_and_err_seldom")
SIMULATIONS += ("a_lead_as_large_as_the_margin_is_seldom_called_none",)
SIMULATIONS += ("a_large_uncertain_effect_beside_none_is_seldom_called_equivalent",)
SIMULATIONS += ("accuracies_whose_seeds_may_be_equal", "no_rule_errs_oftener_with_two_intervals")
# Tests that take long and are not asked: simulations of the rules, and the engine at full width.
LEFT_OUT = [
    f"{ENGINE}/test_sonifier.py::test_every_layer_equals_the_pseudo_code_and_captum[CNN12]",
    f"{ENGINE}/test_back_projection.py::test_the_fast_path_hears_the_same_maps",
    *(f"{CLAIMS}/test_rules.py::test_{name}" for name in SIMULATIONS),
]
MEASURES = ("coherence", "ranking", "bootstrap", "envelope", "intervals", "peaks", "spectra")
MEASURES += ("surrogates", "separation", "faithfulness", "concision", "lags", "label_agreement")
MEASURES += ("rank_correlation",)
OF_CHANCE = [f"{CLAIMS}/test_verdicts.py", f"{METRICS}/test_ranking.py"]
PROJECTING = ("back_projection", "strided")
OF_TABLES = [f"{MEASURED}/test_tables.py"]
OF_CONTROLS = [f"{MEASURED}/test_{name}.py" for name in ("removal_controls", "stimulation")]
MEASUREMENTS = ("coherence_by_filter", "delayed_case", "evolution", "filters", "invariance")
MEASUREMENTS += ("label_controls", "layer_importance", "removal_controls", "rivals", "specificity")
MEASUREMENTS += ("stems", "stimulation")
SELECTING = [f"{SOUNDS}/test_{name}.py" for name in ("selected", "on_layers")]
MAPS = [f"{SOUNDS}/test_{name}.py" for name in ("most_active", "explainer")]
OF_REQUESTS = {
    "requests": [*MAPS, *OF_ENGINE],
    "activity": [*MAPS, f"{ENGINE}/test_sonifier.py"],
    "explainer": MAPS,
    "grid": [f"{SOUNDS}/test_grid.py"],
    "most_active": MAPS,
    "selected": SELECTING,
    "on_layers": SELECTING,
    "input_scale": [f"{SOUNDS}/test_input_scale.py"],
}
OF_MINING = [f"{MINING}/test_{name}.py" for name in ("top_activations", "parts")]
TRACED = ("chain", "faults", "folded_conv", "folding", "front", "graph", "line", "operations")
TRACED += ("plainly", "rewriting", "unwrapping", "watch", "writing")
OF_TRACE = [f"{TRACE}/test_{n}.py" for n in ("chain", "folding", "front", "line", "rewriting")]
OF_TRACE += [f"{TRACE}/test_watch.py", f"{SOUNDS}/test_grid.py"]
# By group and module: the tests, below tests/unit.
GROUPS: dict[str, dict[str, list[str]]] = {
    "losses": {"training/losses.py": ["training/test_losses.py"]},
    "crops": {"training/crops.py": ["training/test_crops.py"]},
    "claims": {
        f"{CLAIMS}/statistics.py": [f"{CLAIMS}/test_{n}.py" for n in ("statistics", "verdicts")],
        f"{CLAIMS}/outcomes.py": [f"{CLAIMS}/test_outcomes.py"],
        f"{CLAIMS}/verdicts.py": [f"{CLAIMS}/test_verdicts.py"],
        f"{CLAIMS}/layers.py": [f"{CLAIMS}/test_verdicts.py"],
        f"{CLAIMS}/resampled.py": [f"{CLAIMS}/test_resampled.py"],
        f"{CLAIMS}/rules.py": [f"{CLAIMS}/test_{n}.py" for n in ("rules", "verdicts")],
    },
    "engine": {
        **{f"{SOUNDS}/{name}.py": tests for name, tests in OF_REQUESTS.items()},
        **{f"{ENGINE}/{name}.py": OF_ENGINE for name in PROJECTING},
        f"{ENGINE}/sonifier.py": [
            *OF_ENGINE,
            *(f"{TRACE}/test_{n}.py" for n in ("front", "watch")),
        ],
        f"{ENGINE}/convolution.py": [*OF_ENGINE, f"{TRACE}/test_folding.py"],
        **{f"{MINING}/{name}.py": OF_MINING for name in ("parts", "top_activations")},
        f"{SOUNDS}/rendering.py": [f"{SOUNDS}/test_rendering.py"],
    },
    "tracing": {
        **{f"{TRACE}/{name}.py": OF_TRACE for name in TRACED},
        f"{TRACE}/plainly.py": [f"{TRACE}/test_plainly.py"],
    },
    "metrics": {
        **{f"{METRICS}/{name}.py": [f"{METRICS}/test_{name}.py"] for name in MEASURES},
        f"{METRICS}/chance.py": OF_CHANCE,
        f"{METRICS}/segments.py": [f"{METRICS}/test_coherence.py", f"{METRICS}/test_lags.py"],
    },
    "measurements": {
        **{f"{MEASURED}/{name}.py": [f"{MEASURED}/test_{name}.py"] for name in MEASUREMENTS},
        **{f"{MEASURED}/{name}.py": OF_TABLES for name in ("coherence", "removal", "scoring")},
        f"{MEASURED}/coherence_controls.py": OF_CONTROLS[:1],
        f"{MEASURED}/controls.py": OF_CONTROLS,
        f"{MEASURED}/rival_sounds.py": [f"{MEASURED}/test_rivals.py"],
        "evaluation/subset.py": ["evaluation/test_subset.py"],
    },
}
