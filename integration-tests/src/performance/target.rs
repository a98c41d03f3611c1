//! What is asked of a measure, and whether it is met.

use super::{BASELINE, Quantity, Results, SERVER, Spread, USER, number};

/// With what a value of ours is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reference {
    /// With nothing: the value itself counts.
    Itself,
    /// With this contender, round by round.
    Contender(&'static str),
    /// With the best contender of each round.
    BestPeer,
    /// With the best value that any contender had in any round.
    BestRun,
}

/// The side on which a figure is good.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Bound {
    /// This or more.
    Least(f64),
    /// This or less.
    Most(f64),
}

impl Bound {
    /// Whether a figure is good.
    pub fn is_met(self, figure: f64) -> bool {
        match self {
            Self::Least(bound) => figure >= bound,
            Self::Most(bound) => figure <= bound,
        }
    }

    fn best(self, values: impl Iterator<Item = f64>) -> Option<f64> {
        match self {
            Self::Least(_) => values.max_by(f64::total_cmp),
            Self::Most(_) => values.min_by(f64::total_cmp),
        }
    }
}

/// A target: a measure of ours, what it is compared with, and a bound.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The number of the target; empty if it has none.
    pub id: &'static str,
    /// The part of the benchmark; empty if no part measures it.
    pub part: &'static str,
    /// The name of what is measured, and its unit.
    what: [&'static str; 2],
    /// The place on the axis of a curve.
    at: Option<f64>,
    /// The contender of this tree.
    ours: &'static str,
    reference: Reference,
    bound: Bound,
    /// Whether the worst round counts, and not the median.
    is_worst: bool,
}

/// The figure of a target.
#[derive(Clone, PartialEq, Debug)]
pub struct Figure {
    /// The median, or the one value that is known.
    pub value: f64,
    /// The rounds, unless only the value is known.
    pub spread: Option<Spread>,
    /// The day of the run.
    pub date: String,
    /// Who says so, if no part of the benchmark has measured it.
    pub by: String,
    /// Whether the work was less than the target asks for.
    pub is_small: bool,
}

impl Target {
    /// A target without a comparison whose contender is the user agent. A figure that is `bound` or more is good.
    pub(super) const fn least(
        id: &'static str,
        part: &'static str,
        what: [&'static str; 2],
        bound: f64,
    ) -> Self {
        let bound = Bound::Least(bound);
        Self { id, part, what, at: None, ours: USER, reference: Reference::Itself, bound, is_worst: false }
    }

    /// The same for a figure that is good if it is `bound` or less.
    pub(super) const fn most(
        id: &'static str,
        part: &'static str,
        what: [&'static str; 2],
        bound: f64,
    ) -> Self {
        let bound = Bound::Most(bound);
        Self { id, part, what, at: None, ours: USER, reference: Reference::Itself, bound, is_worst: false }
    }

    pub(super) const fn of(self, ours: &'static str) -> Self {
        Self { ours, ..self }
    }

    pub(super) const fn server(self) -> Self {
        self.of(SERVER)
    }

    pub(super) const fn beside(self, reference: Reference) -> Self {
        Self { reference, ..self }
    }

    pub(super) const fn at(self, at: f64) -> Self {
        Self { at: Some(at), ..self }
    }

    pub(super) const fn worst(self) -> Self {
        Self { is_worst: true, ..self }
    }

    /// What is measured.
    pub fn what(&self) -> Quantity {
        let [name, unit] = self.what;
        Quantity::new(name, unit)
    }

    /// The work, and where on its curve.
    pub fn work(&self) -> String {
        let [name, _] = self.what;
        let name = self.at.map_or_else(|| name.to_owned(), |at| format!("{name} {at}"));
        if self.ours == USER || self.ours == SERVER { name } else { format!("{name}, {}", self.ours) }
    }

    /// A name that no other target has, for figures without rounds.
    pub fn key(&self) -> String {
        format!("{}: {}; {}", self.part, self.work(), self.asked())
    }

    /// What is asked, in words.
    pub fn asked(&self) -> String {
        let (word, bound) = match self.bound {
            Bound::Least(bound) => ("at least", bound),
            Bound::Most(bound) => ("at most", bound),
        };
        let [_, unit] = self.what;
        match self.reference {
            Reference::Itself if unit.is_empty() => format!("{word} {bound}"),
            Reference::Itself => format!("{word} {bound} {unit}"),
            Reference::Contender(name) => format!("{word} {bound} x the {unit} of {name}"),
            Reference::BestPeer => format!("{word} {bound} x the {unit} of the best peer"),
            Reference::BestRun => format!("{word} {bound} x the {unit} of the best run of a peer"),
        }
    }

    /// The figures of all rounds, if the part has measured them: ratios where there is a comparison.
    pub fn measured(&self, results: &Results) -> Option<Spread> {
        let what = self.what();
        let values = |contender: &str| results.values(self.part, &what, self.at, contender);
        let ours = values(self.ours)?;
        let peers: Vec<&[f64]> = match self.reference {
            Reference::Itself => return Spread::of(ours),
            Reference::Contender(name) => vec![values(name)?],
            Reference::BestPeer | Reference::BestRun => {
                let all = &results.parts.get(self.part)?.measures;
                let peers = all.iter().filter(|one| one.what == what && one.at == self.at);
                let is_peer = |name: &str| ![SERVER, USER, BASELINE, "limit"].contains(&name);
                peers.filter(|one| is_peer(&one.contender)).map(|one| &*one.values).collect()
            }
        };
        let of_all = self.bound.best(peers.iter().flat_map(|values| values.iter().copied()));
        let of_round =
            |round: usize| self.bound.best(peers.iter().filter_map(|values| values.get(round).copied()));
        let ratios = ours.iter().enumerate().filter_map(|(round, value)| {
            let other = if self.reference == Reference::BestRun { of_all } else { of_round(round) };
            // Processor time is counted in hundredths of a second: a short run may show none.
            other.filter(|other| *other != 0.0).map(|other| value / other)
        });
        Spread::of(&ratios.collect::<Vec<f64>>())
    }

    /// What is known of the target.
    pub fn figure(&self, results: &Results) -> Option<Figure> {
        if let Some(spread) = self.measured(results) {
            let run = &results.parts.get(self.part)?.run;
            let value = match (self.is_worst, self.bound) {
                (false, _) => spread.median,
                (true, Bound::Least(_)) => spread.least,
                (true, Bound::Most(_)) => spread.most,
            };
            let spread = Some(spread);
            return Some(Figure {
                value,
                spread,
                date: run.date.clone(),
                by: String::new(),
                is_small: run.is_small,
            });
        }
        let recorded = results.recorded.iter().find(|recorded| recorded.target == self.key())?;
        let (date, by) = (recorded.date.clone(), recorded.by.clone());
        Some(Figure { value: recorded.figure, spread: None, date, by, is_small: false })
    }

    /// One line: the work, the figure, what is asked, and whether it is met.
    pub fn verdict(&self, figure: &Figure) -> String {
        let rounds = figure.spread.map_or_else(String::new, |spread| format!(" [{spread}]"));
        let id = if self.id.is_empty() { String::new() } else { format!("{} ", self.id) };
        let (work, asked, is_met) = (self.work(), self.asked(), met(self.is_met(figure)));
        format!("{id}{work}: {}{rounds}, {asked}: {is_met}", number(figure.value))
    }

    /// Whether the target is met.
    pub fn is_met(&self, figure: &Figure) -> bool {
        self.bound.is_met(figure.value)
    }

    /// The ratio of now to before, and whether the rounds of the one lie outside those of the other.
    pub fn compared(&self, now: &Results, before: &Results) -> Option<(f64, bool)> {
        let (now, before) = (self.measured(now)?, self.measured(before)?);
        Some((now.median / before.median, now.is_apart(&before)))
    }

    /// Which side is good.
    pub const fn bound(&self) -> Bound {
        self.bound
    }
}

/// Whether a ratio to an earlier figure is a gain, in a word.
pub fn better(bound: Bound, ratio: f64) -> &'static str {
    let is_more = ratio > 1.0;
    if matches!(bound, Bound::Least(_)) == is_more { "better" } else { "worse" }
}

/// The word of a verdict.
pub const fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
}
