//! The text of `/metrics`, in the format that Prometheus reads.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, prometheus_text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::metrics::Shown;
use crate::store::Durability;

/// Every metric of the closed list, with every value each label can have.
pub(super) fn text(shown: &Shown) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Rows(rows(shown))));
    let mut text = String::new();
    // Writing into a string does not fail.
    let _written = prometheus_text::encode(&mut text, &registry);
    text
}

/// One metric: name without suffix, help, and its values by labels.
#[derive(Debug)]
struct Row {
    name: &'static str,
    help: &'static str,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Counters(Vec<(Vec<Label>, u64)>),
    Gauges(Vec<(Vec<Label>, u64)>),
    /// By the upper ends of buckets, the last of which has none.
    Histogram(Vec<(f64, u64)>),
}

type Label = (&'static str, &'static str);

fn rows(shown: &Shown) -> Vec<Row> {
    let mut rows = counted(shown);
    rows.extend(observed(shown));
    rows
}

/// What was added up since the start.
fn counted(shown: &Shown) -> Vec<Row> {
    let requests = shown.requests.iter().map(|(kind, outcome, count)| {
        let labels = vec![("kind", kind.name()), ("outcome", *outcome)];
        (labels, *count)
    });
    vec![
        Row {
            name: "sotto_requests",
            help: "Requests by who asks and how it ended, in steps of 100",
            values: Values::Counters(requests.collect()),
        },
        Row {
            name: "sotto_store_append_seconds",
            help: "How long the store took to make an envelope durable, in steps of 100",
            values: Values::Histogram(shown.appends.clone()),
        },
    ]
}

/// What was true when the text was made.
fn observed(shown: &Shown) -> Vec<Row> {
    let mut rows = of_the_store(shown);
    let [served, closed] = shown.state.lines;
    rows.extend([
        labelled(
            ("sotto_lines", "state"),
            "Configured lines with a valid statement, and without",
            &[("served", served), ("closed", closed)],
        ),
        labelled(
            ("sotto_build_info", "version"),
            "The version that runs",
            &[(env!("CARGO_PKG_VERSION"), 1)],
        ),
        gauge(
            "sotto_published_time_seconds",
            "When this text was made; it changes once in ten minutes",
            shown.state.at,
        ),
        gauge(
            "sotto_connections_peak",
            "Most connections open at once in the last ten minutes, in steps of 100",
            shown.peak,
        ),
        gauge(
            "sotto_resident_bytes",
            "Memory of the process, in full mebibytes",
            shown.state.resident,
        ),
    ]);
    rows
}

fn of_the_store(shown: &Shown) -> Vec<Row> {
    let state = &shown.state;
    let [new, old] = state.behind;
    let levels = LEVELS.map(|(level, name)| (name, u64::from(state.durability == Some(level))));
    vec![
        gauge(
            "sotto_store_ready",
            "Whether the store answers and may be trusted",
            u64::from(state.durability.is_some()),
        ),
        labelled(
            ("sotto_store_durability", "level"),
            "What an acknowledged message survives",
            &levels,
        ),
        gauge(
            "sotto_waiting_records",
            "Envelopes and chunks that wait for drainers, in steps of 100",
            state.waiting,
        ),
        gauge(
            "sotto_waiting_oldest_hours",
            "Full hours since the oldest of them arrived",
            state.oldest / 3_600,
        ),
        labelled(
            ("sotto_board_cycles_behind", "board"),
            "Cycles since the one that is served, of the line that is worst off; 1 or 2 is normal",
            &[("new", new), ("old", old)],
        ),
        gauge(
            "sotto_backup_time_seconds",
            "When this process last gave a whole backup; 0 for never",
            shown.backup,
        ),
    ]
}

fn gauge(name: &'static str, help: &'static str, value: u64) -> Row {
    Row {
        name,
        help,
        values: Values::Gauges(vec![(Vec::new(), value)]),
    }
}

fn labelled(
    (name, label): (&'static str, &'static str),
    help: &'static str,
    values: &[(&'static str, u64)],
) -> Row {
    let values = values.iter().map(|(is, n)| (vec![(label, *is)], *n));
    Row {
        name,
        help,
        values: Values::Gauges(values.collect()),
    }
}

/// Values of the label `level`.
const LEVELS: [(Durability, &str); 4] = [
    (Durability::Synced, "synced"),
    (Durability::EverySecond, "every_second"),
    (Durability::Unknown, "unknown"),
    (Durability::Volatile, "volatile"),
];

#[derive(Debug)]
struct Rows(Vec<Row>);

impl Collector for Rows {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for row in &self.0 {
            let kind = match row.values {
                Values::Counters(_) => MetricType::Counter,
                Values::Gauges(_) => MetricType::Gauge,
                Values::Histogram(_) => MetricType::Histogram,
            };
            let metric = encoder.encode_descriptor(row.name, row.help, None, kind)?;
            row.values.encode_into(metric)?;
        }
        Ok(())
    }
}

impl Values {
    fn encode_into(&self, mut metric: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        match self {
            Self::Counters(values) => {
                for (labels, value) in values {
                    ConstCounter::new(*value).encode(metric.encode_family(labels)?)?;
                }
                Ok(())
            }
            Self::Gauges(values) => {
                for (labels, value) in values {
                    ConstGauge::new(*value).encode(metric.encode_family(labels)?)?;
                }
                Ok(())
            }
            Self::Histogram(buckets) => {
                let count = buckets.iter().map(|(_, count)| count).sum();
                let ends = buckets.iter().copied();
                let ends: Vec<(f64, u64)> = ends.filter(|(end, _)| end.is_finite()).collect();
                metric.encode_histogram::<NoLabelSet>(bound(&ends), count, &ends, None)
            }
        }
    }
}

/// What the shown buckets add up to at most. The exact sum would tell of a single slow append.
fn bound(buckets: &[(f64, u64)]) -> f64 {
    let seconds = buckets.iter().map(|(end, count)| {
        let count = u32::try_from(*count).unwrap_or(u32::MAX);
        end * f64::from(count)
    });
    seconds.sum()
}
