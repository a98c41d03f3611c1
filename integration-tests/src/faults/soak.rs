//! What the programs of a soak hold over hours: samples in a file, their slopes, and their curves.

use super::process::Sockets;
use super::world::World;
use crate::drawing::{Drawing, Line};
use crate::site::names_below;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a program holds when nobody uses it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Held {
    /// Its resident memory in KiB.
    resident: f64,
    descriptors: f64,
    /// The ports at which it listens.
    ports: f64,
    /// What it has said since it began.
    lines: f64,
    /// The files of its state directory.
    files: f64,
}

/// What all programs held at a moment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Sample {
    /// The number of the sitting, from 1.
    sitting: u32,
    /// How long all sittings have taken so far.
    minutes: f64,
    programs: BTreeMap<String, Held>,
}

/// A soak of several sittings, which go on with the same state directories.
#[derive(Debug)]
pub struct Soak {
    directory: PathBuf,
    samples: Vec<Sample>,
    sitting: u32,
    /// The minutes of the sittings before.
    before: f64,
}

/// One of the numbers: how it is read, what it is called, and where it is drawn.
struct Number {
    read: fn(&Held) -> f64,
    title: &'static str,
    unit: &'static str,
    file: &'static str,
}

const NUMBERS: [Number; 5] = [
    Number { read: |held| held.resident / 1024.0, title: "Resident memory", unit: "MiB", file: "memory.svg" },
    Number { read: |held| held.descriptors, title: "Descriptors", unit: "number", file: "descriptors.svg" },
    Number { read: |held| held.ports, title: "Ports that listen", unit: "number", file: "ports.svg" },
    Number { read: |held| held.lines, title: "Lines of the log", unit: "number", file: "lines.svg" },
    Number { read: |held| held.files, title: "Files of the state", unit: "number", file: "files.svg" },
];

/// The time between two samples, in minutes.
const BETWEEN: f64 = 1.0;
/// The time for which a curve has one point.
const POINT: f64 = 10.0;

impl Soak {
    /// Goes on with what is in that directory, or begins there.
    pub fn in_directory(directory: PathBuf) -> Self {
        fs::create_dir_all(&directory).unwrap();
        let kept = fs::read_to_string(directory.join(SAMPLES)).unwrap_or_default();
        // A sitting that was killed may have written half of the last line.
        let samples: Vec<Sample> = kept.lines().map_while(|line| serde_json::from_str(line).ok()).collect();
        let last = samples.last();
        let sitting = last.map_or(0, |sample| sample.sitting) + 1;
        let before = last.map_or(0.0, |sample| sample.minutes);
        Self { directory, samples, sitting, before }
    }

    /// Where everything is kept.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Notes what the programs hold after so much of this sitting, if it is time for that.
    pub(super) fn note(&mut self, world: &World, passed: Duration) {
        let minutes = self.before + passed.as_secs_f64() / 60.0;
        if self.samples.last().is_some_and(|last| minutes < last.minutes + BETWEEN) {
            return;
        }
        let programs = world.all().map(|process| {
            let sockets = Sockets::of(process.running.id());
            let files = world.state_of(process.name).map_or(0, |state| names_below(state).len());
            let held = Held {
                resident: process.running.kernel_says("status", "VmRSS") as f64,
                descriptors: sockets.descriptors as f64,
                ports: sockets.listens.len() as f64,
                lines: process.running.said().lines().count() as f64,
                files: files as f64,
            };
            (process.name.to_owned(), held)
        });
        let sample = Sample { sitting: self.sitting, minutes, programs: programs.collect() };
        self.samples.push(sample);
        let lines = self.samples.iter().map(|sample| serde_json::to_string(sample).unwrap() + "\n");
        fs::write(self.directory.join(SAMPLES), lines.collect::<String>()).unwrap();
        self.draw();
    }

    /// Draws the curves.
    fn draw(&self) {
        for Number { read, title, unit, file } in NUMBERS {
            let drawing = Drawing { title, unit, axis: "minutes", lines: self.lines(read, POINT) };
            if let Some(svg) = drawing.svg() {
                fs::write(self.directory.join(file), svg).unwrap();
            }
        }
    }

    /// Says how each number has grown in the second half of this sitting, in percent of itself an hour.
    pub(super) fn tell_growth(&self) {
        let begins = self.samples.iter().find(|sample| sample.sitting == self.sitting);
        let ends = self.samples.last().map_or(0.0, |sample| sample.minutes);
        let half = begins.map_or(0.0, |sample| f64::midpoint(sample.minutes, ends));
        for Number { read, title, .. } in NUMBERS {
            for (name, points) in self.lines(read, 0.0) {
                let last: Vec<[f64; 2]> = points.into_iter().filter(|point| point[0] > half).collect();
                let grown =
                    slope(&last).map_or("not known".to_owned(), |slope| format!("{slope:.2} % an hour"));
                eprintln!("{title}, {name}: {grown}");
            }
        }
    }

    /// A line for each program: the mean of its samples within each `width` minutes, or each sample if that is 0.
    fn lines(&self, read: fn(&Held) -> f64, width: f64) -> Vec<Line<'_>> {
        let mut lines: BTreeMap<&str, Vec<Vec<[f64; 2]>>> = BTreeMap::new();
        for sample in &self.samples {
            for (name, held) in &sample.programs {
                let line = lines.entry(name).or_default();
                let point = [sample.minutes, read(held)];
                match line.last_mut().filter(|points| point[0] < points[0][0] + width) {
                    Some(points) => points.push(point),
                    None => line.push(vec![point]),
                }
            }
        }
        let mean = |points: Vec<[f64; 2]>| {
            [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / points.len() as f64)
        };
        lines.into_iter().map(|(name, line)| (name, line.into_iter().map(mean).collect())).collect()
    }
}

/// The name of the file of samples.
const SAMPLES: &str = "samples.jsonl";

/// The slope of the straight line with the least squares, in percent of the mean for 60 of the horizontal unit. `None` of fewer than
/// three points, or if the mean is 0.
fn slope(points: &[[f64; 2]]) -> Option<f64> {
    let number = points.len() as f64;
    let [at, height] = [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / number);
    let spread: f64 = points.iter().map(|point| (point[0] - at).powi(2)).sum();
    let rise: f64 = points.iter().map(|point| (point[0] - at) * (point[1] - height)).sum();
    (points.len() > 2 && spread > 0.0 && height > 0.0).then(|| rise / spread * 60.0 / height * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_what_an_hour_adds_to_the_mean() {
        assert_eq!(slope(&[[0.0, 99.0], [30.0, 100.0], [60.0, 101.0]]), Some(2.0));
        assert_eq!(slope(&[[0.0, 5.0], [30.0, 5.0], [60.0, 5.0]]), Some(0.0));
        for unknown in [&[][..], &[[0.0, 1.0], [9.0, 2.0]], &[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]] {
            assert_eq!(slope(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn a_later_sitting_goes_on_where_the_one_before_has_ended() {
        let kept = tempfile::tempdir().unwrap();
        let open = || Soak::in_directory(kept.path().to_path_buf());
        let held = Held { resident: 2048.0, descriptors: 9.0, ports: 1.0, lines: 3.0, files: 2.0 };
        let sample = |sitting, minutes| Sample {
            sitting,
            minutes,
            programs: BTreeMap::from([("relay".to_owned(), held)]),
        };
        let lines = [sample(1, 2.0), sample(1, 4.0)].map(|sample| serde_json::to_string(&sample).unwrap());
        fs::write(kept.path().join(SAMPLES), lines.join("\n")).unwrap();
        let soak = open();
        assert_eq!((soak.sitting, soak.before, soak.samples.len()), (2, 4.0, 2));
        assert_eq!(soak.lines(NUMBERS[0].read, POINT), [("relay", vec![[3.0, 2.0]])]);
        soak.draw();
        assert!(fs::read_to_string(kept.path().join("memory.svg")).unwrap().contains("relay"));
    }
}
