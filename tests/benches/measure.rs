//! Rounds in turns, medians and spread.

use serde::{Deserialize, Serialize};

/// How long and how often; a smoke run only shows that everything works.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds of each pair.
    pub rounds: usize,
    /// Seconds of each sample under load.
    pub seconds: f64,
    /// Divides counts of what is made beforehand.
    pub scale: usize,
}

impl Effort {
    /// For numbers that are written down.
    pub const FULL: Self = Self {
        rounds: 7,
        seconds: 1.0,
        scale: 1,
    };
    /// About a minute for everything.
    pub const QUICK: Self = Self {
        rounds: 2,
        seconds: 0.4,
        scale: 10,
    };
}

/// Samples of one side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples(pub Vec<f64>);

impl Samples {
    /// The middle one.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Lower and upper quartile.
    pub fn quartiles(&self) -> (f64, f64) {
        (self.quantile(0.25), self.quantile(0.75))
    }

    fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else {
            return f64::NAN;
        };
        let place = share * last as f64;
        let (low, high) = (place.floor(), place.ceil());
        let at = |place: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place in a vector, rounded before"
            )]
            let index = place as usize;
            sorted.get(index).copied().unwrap_or(f64::NAN)
        };
        at(low) + (at(high) - at(low)) * (place - low)
    }
}

/// What came of one name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// As in ratios.json.
    pub name: String,
    /// One number per round: ours through the peer's of the same round, or ours alone.
    pub values: Samples,
    /// What was measured on our side, and in which unit.
    pub ours: Samples,
    /// The same of the peer; empty without one.
    pub peer: Samples,
    /// Of `ours` and `peer`.
    pub unit: String,
}

impl Measured {
    /// Ours through the peer's, round by round: what else the machine does at a time meets both.
    pub fn ratio(name: &str, unit: &str, ours: Vec<f64>, peer: Vec<f64>) -> Self {
        let values = ours.iter().zip(&peer).map(|(ours, peer)| ours / peer);
        Self {
            name: name.to_owned(),
            values: Samples(values.collect()),
            ours: Samples(ours),
            peer: Samples(peer),
            unit: unit.to_owned(),
        }
    }

    /// A number without a peer.
    pub fn alone(name: &str, unit: &str, values: Vec<f64>) -> Self {
        Self {
            name: name.to_owned(),
            values: Samples(values.clone()),
            ours: Samples(values),
            peer: Samples::default(),
            unit: unit.to_owned(),
        }
    }

    /// What goes into ratios.json.
    pub fn value(&self) -> f64 {
        self.values.median()
    }
}

/// Runs sides in turns, A B A B …: one vector of samples per side.
pub fn alternate<const N: usize>(
    rounds: usize,
    mut sides: [&mut dyn FnMut() -> f64; N],
) -> [Vec<f64>; N] {
    let mut samples = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (side, samples) in sides.iter_mut().zip(&mut samples) {
            samples.push(side());
        }
    }
    samples
}
