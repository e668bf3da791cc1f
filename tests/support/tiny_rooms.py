"""What each measuring room found out about a small run: the branches of a report (`tests.support.tiny_report`)."""

from dataclasses import replace

from bench.measure.accuracy.findings import Accuracy, DropInAccuracy, FileAccuracy, PartAccuracy
from bench.measure.accuracy.pairs import Agreement, ClusterSums, Exact, Margins, Pair
from bench.measure.compliance.checks import Check, Network, Window
from bench.measure.compliance.findings import Compliance, FileCost, FrontEndCost, Hotspot, Violation, Year
from bench.measure.energy.findings import BASELINE, Energies, FileEnergy, HostEnergy, InferenceEnergy, MeteredEnergy
from bench.measure.figure import Figure, Provenance, Unit, path_of
from bench.measure.graph.cost import Layer
from bench.measure.latency.end_to_end import PARTS, EndToEnd
from bench.measure.latency.measure import FirstInference, Latencies, Ratio, TimedVariant
from bench.measure.latency.profile import Profile, Step
from bench.measure.latency.variants import Kernels, Skipped, Variant
from bench.measure.memory.findings import ArenaMemory, FileMemory, LiveBytes, ResidentMemory
from bench.measure.memory.resident import Spread
from tinyasc.dcase import Limits

LABELS = ["airport", "metro_station", "tram"]
SHA = "0123456789abcdef" * 4


def figure(
    path: str,
    value: float | None,
    unit: Unit = "fraction",
    interval: tuple[float, float] | None = None,
    provenance: Provenance = "measured",
) -> Figure:
    return Figure(value, unit, provenance, "a test", interval, path)


def part(path: str, macro: float, clips: int = 90, interval: bool = True) -> PartAccuracy:
    between = (max(0.0, macro - 0.06), min(1.0, macro + 0.05)) if interval else None
    loss = figure(f"{path}/log_loss", 1.5 - macro, "nats", (1.4 - macro, 1.6 - macro))
    return PartAccuracy(figure(f"{path}/macro", macro, interval=between), loss, clips, 20)


def answered(file: str, macro: float) -> FileAccuracy:
    place = f"accuracy/{path_of(file)}"
    parts = {
        "class": {label: macro + 0.03 * number for number, label in enumerate(LABELS)},
        "device": {"a": macro, "s1": macro + 0.02, "s4": macro - 0.1},
        "group": {"seen": macro + 0.01, "unseen": macro - 0.1},
        "city": {"lyon": macro, "paris": macro},
    }
    return FileAccuracy(
        output="logits",
        least=None,
        whole=part(place, macro, 270),
        parts={
            kind: {name: part(f"{place}/{kind}/{name}", one, interval=name != "s4") for name, one in named.items()}
            for kind, named in parts.items()
        },
        confusion=[[60, 20, 10], [0, 80, 10], [5, 0, 85]],
    )


def pair(first: str, second: str, identical: int) -> Pair:
    place = f"accuracy/{path_of(first)}/against/{path_of(second)}"
    return Pair(
        first=first,
        second=second,
        both_right=210,
        only_first=12,
        only_second=8,
        both_wrong=40,
        macro=figure(f"{place}/macro", 0.0149, interval=(-0.011, 0.04)),
        log_loss=figure(f"{place}/log_loss", -0.02, "nats", (-0.05, 0.01)),
        p_value=figure(f"{place}/p_value", 0.503),
        same_top1=figure(f"{place}/same_top1", 250 / 270),
        agreement=Agreement(270, 250),
        agreement_by_device={},
        agreement_by_class={},
        exact=Exact(identical, 0.0 if identical == 270 else 1.5),
        margins=Margins(
            270, [-2.0, 0.5, -0.25, 3.0], [-1.5, -0.25, 0.5, 2.5], [False, True] * 2, [False, False, True, True]
        ),
    )


def accuracy() -> Accuracy:
    files = {"model.tflite": 0.82, "model_float.tflite": 0.81, "model.onnx": 0.82}
    return Accuracy(
        labels=LABELS,
        source="test split of data.h5",
        files={file: answered(file, macro) for file, macro in files.items()},
        pairs=[pair("model.tflite", "model_float.tflite", 0), pair("model.tflite", "model.onnx", 270)],
        drop_ins={
            "drop_in.tflite": DropInAccuracy(
                "model.tflite", 269, 270, figure("accuracy/tflite/drop_in/same_answers", 269 / 270)
            )
        },
        sums=ClusterSums(
            [0, 1], [90, 180], {file: [80, 140] for file in files}, {file: [40.0, 90.0] for file in files}
        ),
    )


def compliance(file: str, macs: int, provenance: Provenance, drop_in: bool) -> Compliance:
    def check(year: int, rule: str, value: int, limit: int) -> Check:
        unit = "MACs" if rule == "MACs" else "bytes"
        return Check(year, rule, "network, every weight and bias", value, limit, unit, provenance, decides=True)

    checks = [check(year, "MACs", macs, 30_000_000) for year in (2024, 2025)]
    checks += [check(year, "parameter memory", 109_138, 128_000) for year in (2024, 2025)]
    in_file = replace(checks[-1], value=129_000, provenance="measured", decides=False, counting="in the file")
    operation = Hotspot(1, "CONV_2D", "conv", 900, 0.7)
    passed, place = macs <= 30_000_000, f"cost/{path_of(file)}"
    above = [figure(f"cost/tflite/drop_in/front_end/{name}", 44_000, "bytes") for name in ("macs", "parameters")]
    above += [figure(f"cost/tflite/drop_in/front_end/{name}", 195_940, "bytes") for name in ("constants", "file")]
    return Compliance(
        file=file,
        words="fits the limits",
        years={year: Year(passed, Limits(30_000_000, "rules of the year", 128_000)) for year in (2024, 2025)},
        network=Network(
            macs=figure("cost/network/macs", macs, "MACs", provenance=provenance),
            parameters=figure("cost/network/parameters", 109_138, "parameters", provenance=provenance),
            macs_per_inference=macs,
            window=Window(1.0),
        ),
        cost=FileCost(
            macs=figure(f"{place}/macs", macs, "MACs"),
            parameters=figure(f"{place}/parameters", 109_138, "parameters"),
            weight_bytes=figure(f"{place}/weight_bytes", 110_000, "bytes"),
            bias_bytes=figure(f"{place}/bias_bytes", 110_000, "bytes"),
            constant_bytes=figure(f"{place}/constant_bytes", 110_000, "bytes"),
            float_operations=figure(f"{place}/float_operations", 0, "count"),
        ),
        front_ends={"drop_in.tflite": FrontEndCost("model.tflite", *above)} if drop_in else {},
        checks=[*checks, in_file],
        violations=[] if passed else [Violation("MACs", [2024, 2025], macs - 30_000_000, macs / 3e7, "MACs over")],
        hotspots={
            "MACs": [operation],
            "weights wider than INT8": [],
            "peak activations": [replace(operation, share=1.0)],
        },
    )


def layer(operation: str, macs: int, weights: int, live: int) -> Layer:
    return Layer(
        operation=operation,
        name=f"{operation}/out",
        output_shape=(1, 8, 8, 4),
        output_type="INT8",
        macs=macs,
        weights=weights,
        biases=4,
        weight_bytes=weights,
        bias_bytes=16,
        structure_bytes=0,
        live_bytes=live,
    )


LAYERS = [layer("PAD", 0, 0, 900), layer("CONV_2D", 900, 300, 1200), layer("DEPTHWISE_CONV_2D", 300, 40, 700)]


def variant(file: str, median: float, kernels: Kernels = "default", threads: int = 1) -> TimedVariant:
    way = Variant(file, kernels, threads).way
    place = "/".join(filter(None, ["latency", path_of(file), way]))
    alone = threads == 1
    return TimedVariant(
        file=file,
        kernels=kernels,
        threads=threads,
        runtime="ai-edge-litert 2.3.0, XNNPACK",
        median=figure(f"{place}/median", median, "ms", (0.98 * median, 1.02 * median) if alone else None),
        p95=figure(f"{place}/p95", 1.2 * median if alone else None, "ms"),
        p99=figure(f"{place}/p99", None, "ms"),
        drift=1.0,
        runs=300,
        converged=alone,
    )


def latency(files: list[str], whole: bool) -> Latencies:
    place = f"latency/{path_of(files[0])}"
    step = Step([0, 1], ["CONV_2D"], 900, "conv", 185.0, (180.0, 190.0))
    glue = Step([], [], 900, "glue", 60.0, None)
    end_to_end = EndToEnd(
        parts={name: figure(f"{place}/end_to_end/{name}", 0.3, "ms", (0.29, 0.31)) for name in PARTS},
        front_end_share=figure(f"{place}/end_to_end/front_end_share", 0.8),
        drop_in_milliseconds=0.3,
        drop_in_over_whole=figure(f"{place}/end_to_end/drop_in_over_whole", 0.7, "ratio"),
    )
    starts = {
        file: FirstInference(
            *(
                figure(f"latency/{path_of(file)}/start/{name}", 12.5, "ms")
                for name in ("importing", "loading", "first")
            ),
            processes=5,
        )
        for file in files
    }
    return Latencies(
        max_rel_ci=0.02,
        max_drift=0.05,
        seconds=35.1,
        cores=2,
        variants=[variant(file, 0.3 + 0.2 * number) for number, file in enumerate(files)]
        + [variant(files[0], 1.4, "built_in"), variant(files[0], 0.4, threads=2)],
        ratios=[Ratio(Variant(files[0]), files[1], figure(f"{place}_over_float", 0.5, "ratio"))] if files[1:] else [],
        starts=starts,
        end_to_end={files[0]: end_to_end} if whole else {},
        profiles={files[0]: Profile("prefixes", [step, *[glue] * 14], 0.5, 240.0, 2.0, 100)},
        skipped=[Skipped("4 threads", "this process may use 2 cores")],
    )


def memory(file: str) -> FileMemory:
    place = f"memory/{path_of(file)}"
    spread = Spread(4_800_000.0, 4_700_000, 4_900_000)
    grown = {key: figure(f"{place}/{key}", 4_800_000, "bytes") for key in ("resident_increment", "resident_peak")}
    return FileMemory(
        bytes=147_132,
        peak_activations=figure(f"{place}/peak_activations", 1200, "bytes", provenance="estimated"),
        timeline=[LiveBytes(one.operation, one.name, one.live_bytes) for one in LAYERS],
        resident=ResidentMemory(
            runtime="ai-edge-litert 2.3.0",
            kind="resident",
            processes=6,
            increment=grown["resident_increment"],
            anonymous_increment=None,
            peak=grown["resident_peak"],
            runtime_increment=figure(f"{place}/resident_runtime", 4_800_000, "bytes"),
            peak_increment=spread,
            stages={"first": spread},
        ),
        resident_unmeasured=None,
        arena=ArenaMemory(
            "1",
            figure(f"{place}/arena_tflm", 2000, "bytes"),
            figure(f"{place}/arena_tflm_head", 1500, "bytes"),
            figure(f"{place}/arena_tflm_tail", 500, "bytes"),
            2000,
        ),
        arena_unmeasured=None,
    )


def energy() -> Energies:
    def inference(place: str, net: bool = True) -> InferenceEnergy:
        gross = figure(f"{place}/gross", 0.0231, "joules", (0.0192, 0.0271))
        return InferenceEnergy(replace(gross, path=f"{place}/net") if net else None, gross, 88.2, 24.1, 31_234)

    place = "energy/host/tflite/int8"
    whole, split = figure(f"{place}/whole", 0.0231, "joules"), figure(f"{place}/test_split", 1.7e-5, "kWh")
    files = {"model.tflite": FileEnergy(inference(place), whole, split)}
    meter = [
        MeteredEnergy("meter.csv", "model.tflite", "XNNPACK", 1, inference("energy/meter/tflite/int8")),
        MeteredEnergy("m.csv", None, None, None, inference("energy/meter", net=False)),
    ]
    return Energies(HostEnergy("codecarbon 3.3.2, an assumed power", False, files, BASELINE), None, meter)
