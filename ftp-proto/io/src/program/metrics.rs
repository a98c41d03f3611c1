//! What a daemon counts, as a page in the text format of OpenMetrics, which Prometheus reads.

use std::borrow::Cow;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::ConstCounter;
pub use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
pub use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Metric;
pub use prometheus_client::registry::Registry;

/// A label, and its value.
pub type Label = (&'static str, Cow<'static, str>);
/// A counter for all values of some labels.
pub type Counters<const N: usize> = Family<[Label; N], Counter>;
/// A gauge for all values of some labels.
pub type Gauges<const N: usize> = Family<[Label; N], Gauge>;

/// The metrics of a daemon whose names begin with this prefix; the first is its version.
pub fn registry(prefix: &str, about: &str, version: &'static str) -> Registry {
    let mut registry = Registry::with_prefix(prefix);
    registry.register("build", about, Info::new([("version", version)]));
    registry
}

/// Makes a metric, and registers it under this name with this description.
pub fn metric<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, about: &str) -> M {
    let metric = M::default();
    registry.register(name, about, metric.clone());
    metric
}

/// Registers a count that somebody else keeps.
pub fn known(registry: &mut Registry, name: &str, about: &str, count: u64) {
    registry.register(name, about, ConstCounter::new(count));
}

/// Counts so many more.
pub fn add(counter: &Counter, count: u64) {
    counter.inc_by(count);
}

/// Counts one more with these labels.
pub fn count<const N: usize>(counters: &Counters<N>, labels: [Label; N]) {
    add(&counters.get_or_create(&labels), 1);
}

/// Sets a gauge to a number of things.
pub fn set(gauge: &Gauge, count: usize) {
    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
}

/// The page: what was counted, and then what is true now.
pub fn page(counted: &Registry, now: &Registry) -> String {
    let mut page = String::new();
    // A String takes everything.
    let _ = text::encode_registry(&mut page, counted);
    let _ = text::encode_registry(&mut page, now);
    let _ = text::encode_eof(&mut page);
    page
}
