//! Draws curves as SVG, on a light card of its own, so that it reads on any background.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;

/// A picture.
#[derive(Debug)]
pub struct Plot {
    /// Above it.
    pub title: &'static str,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// In the order of the legend.
    pub curves: Vec<Curve>,
    /// Where the legend stands.
    pub legend: SeriesLabelPosition,
}

/// A scale.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    name: &'static str,
    from: f64,
    to: f64,
    is_log: bool,
}

impl Axis {
    /// In which every tenfold is as long.
    pub const fn log(name: &'static str, from: f64, to: f64) -> Self {
        Self {
            name,
            from,
            to,
            is_log: true,
        }
    }

    /// An even one.
    pub const fn linear(name: &'static str, from: f64, to: f64) -> Self {
        Self {
            name,
            from,
            to,
            is_log: false,
        }
    }

    fn place(self, value: f64) -> f64 {
        if self.is_log { value.log10() } else { value }
    }

    fn range(self) -> std::ops::Range<f64> {
        self.place(self.from)..self.place(self.to)
    }

    /// One for each tenfold.
    fn labels(self) -> usize {
        if !self.is_log {
            return 8;
        }
        let range = self.range();
        let mut decades = 1;
        let mut place = range.start + 1.0;
        while place < range.end + 0.01 {
            decades += 1;
            place += 1.0;
        }
        decades
    }

    fn label(self, place: f64) -> String {
        grouped(if self.is_log {
            10_f64.powf(place)
        } else {
            place
        })
    }
}

/// Points and how they look.
#[derive(Debug)]
pub struct Curve {
    /// In the legend.
    pub name: String,
    style: Style,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

impl Curve {
    /// A curve.
    pub fn new(name: &str, style: Style, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.to_owned(),
            style,
            points,
        }
    }
}

/// Whose it is.
#[derive(Debug, Clone, Copy)]
pub enum Style {
    /// Measured, with points.
    Ours(usize),
    /// Measured beside it.
    Peer,
    /// What others have written, or a goal: dashed.
    Published(usize),
}

impl Style {
    const fn is_measured(self) -> bool {
        !matches!(self, Self::Published(_))
    }

    /// Told apart by people who see red and green alike.
    const fn colour(self) -> RGBColor {
        match self {
            Self::Ours(0) => RGBColor(0, 90, 181),
            Self::Ours(1) => RGBColor(0, 128, 112),
            Self::Ours(_) => RGBColor(140, 60, 150),
            Self::Peer => RGBColor(90, 90, 90),
            Self::Published(0) => RGBColor(200, 70, 20),
            Self::Published(_) => RGBColor(180, 120, 0),
        }
    }
}

const SIZE: (u32, u32) = (860, 520);
const CARD: RGBColor = RGBColor(252, 252, 250);
const INK: RGBColor = RGBColor(40, 40, 40);
const FAINT: RGBColor = RGBColor(222, 222, 218);

/// Draws it into a file.
pub fn draw(path: &Path, plot: &Plot) -> anyhow::Result<()> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&CARD).map_err(broken)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(18)
        .margin_right(44)
        .x_label_area_size(48)
        .y_label_area_size(84)
        .caption(plot.title, ("sans-serif", 20, &INK))
        .build_cartesian_2d(plot.x.range(), plot.y.range())
        .map_err(broken)?;
    chart
        .configure_mesh()
        .x_labels(plot.x.labels())
        .y_labels(plot.y.labels())
        .x_label_formatter(&|place| plot.x.label(*place))
        .y_label_formatter(&|place| plot.y.label(*place))
        .x_desc(plot.x.name)
        .y_desc(plot.y.name)
        .label_style(("sans-serif", 13, &INK))
        .axis_desc_style(("sans-serif", 14, &INK))
        .axis_style(INK)
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .draw()
        .map_err(broken)?;
    for curve in &plot.curves {
        let line = curve.style.colour().stroke_width(2);
        let places: Vec<(f64, f64)> = curve
            .points
            .iter()
            .map(|(x, y)| (plot.x.place(*x), plot.y.place(*y)))
            .collect();
        let dots = places.clone();
        let drawn = if curve.style.is_measured() {
            chart.draw_series(LineSeries::new(places, line))
        } else {
            chart.draw_series(DashedLineSeries::new(places, 7, 5, line))
        };
        let drawn = drawn.map_err(broken)?.label(&curve.name);
        drawn.legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 22, y)], line));
        if curve.style.is_measured() {
            let dots = dots.into_iter();
            chart
                .draw_series(dots.map(|place| Circle::new(place, 4, line.filled())))
                .map_err(broken)?;
        }
    }
    chart
        .configure_series_labels()
        .position(plot.legend.clone())
        .background_style(CARD.mix(0.9))
        .border_style(FAINT)
        .margin(12)
        .label_font(("sans-serif", 14, &INK))
        .draw()
        .map_err(broken)?;
    area.present().map_err(broken)
}

fn broken(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the picture cannot be drawn: {error}")
}

/// With commas between thousands.
fn grouped(value: f64) -> String {
    if value < 1.0 {
        return format!("{value}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
