//! Small line charts with a common axis, ticks, labels and a legend.

use std::fmt::Write;

/// One plot of a picture.
pub struct Plot {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    pub lines: Vec<Line>,
    /// Whether points have dots. A line without dots may have thousands of points.
    pub dots: bool,
}

/// One line of a plot.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
/// These colours can also be told apart with colour blindness (after Okabe and Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
/// The greatest number of points that are drawn of a line.
const MOST_POINTS: usize = 1500;

/// A picture with one plot below the other.
pub fn picture(plots: &[Plot]) -> String {
    let height = HEIGHT * plots.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (at, plot) in plots.iter().enumerate() {
        draw(&mut svg, plot, HEIGHT * at as f64);
    }
    svg += "</svg>\n";
    svg
}

fn draw(svg: &mut String, plot: &Plot, y0: f64) {
    let points =
        || plot.lines.iter().flat_map(|line| &line.points).filter(|(x, y)| x.is_finite() && y.is_finite());
    let (x_low, x_high) = (
        points().map(|point| point.0).fold(0.0, f64::min),
        points().map(|point| point.0).fold(0.0, f64::max),
    );
    let (y_low, y_high) = (
        points().map(|point| point.1).fold(0.0, f64::min),
        points().map(|point| point.1).fold(0.0, f64::max),
    );
    let (x_ticks, y_ticks) = (ticks(x_low, x_high, 8), ticks(y_low, y_high, 6));
    let (x_low, x_high) = ends(&x_ticks);
    let (y_low, y_high) = ends(&y_ticks);
    let (right, bottom) = (WIDTH - RIGHT, y0 + HEIGHT - BOTTOM);
    let x_of = |x: f64| LEFT + (x - x_low) / (x_high - x_low) * (right - LEFT);
    let y_of = |y: f64| bottom - (y - y_low) / (y_high - y_low) * (bottom - y0 - TOP);

    text(svg, LEFT, y0 + 22.0, "start", "font-size=\"14\" font-weight=\"bold\"", &plot.title);
    for &tick in &y_ticks {
        let y = y_of(tick);
        let _ = writeln!(svg, "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#ddd\"/>");
        text(svg, LEFT - 6.0, y + 4.0, "end", "", &number(tick));
    }
    for &tick in &x_ticks {
        let x = x_of(tick);
        let _ = writeln!(svg, "<path d=\"M{x:.1} {bottom}v5\" stroke=\"black\"/>");
        text(svg, x, bottom + 18.0, "middle", "", &number(tick));
    }
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {:.1}V{bottom}H{right}\" stroke=\"black\" fill=\"none\"/>",
        y0 + TOP
    );
    text(svg, (LEFT + right) / 2.0, bottom + 36.0, "middle", "", &plot.x_label);
    let middle = (y0 + TOP + bottom) / 2.0;
    text(svg, 16.0, middle, "middle", &format!("transform=\"rotate(-90 16 {middle:.1})\""), &plot.y_label);

    for (at, line) in plot.lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let mut path = String::new();
        let every = line.points.len().div_ceil(MOST_POINTS).max(1);
        for thinned in line.points.chunks(every) {
            // The largest point represents those that are left out, because outliers matter most.
            let Some((x, y)) = thinned.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
            if !(x.is_finite() && y.is_finite()) {
                continue;
            }
            let (x, y) = (x_of(x), y_of(y));
            let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { 'M' } else { 'L' });
            if plot.dots {
                let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
            }
        }
        let _ = writeln!(svg, "<path d=\"{path}\" stroke=\"{colour}\" stroke-width=\"1.5\" fill=\"none\"/>");
        let y = y0 + TOP + 10.0 + 18.0 * at as f64;
        let _ =
            writeln!(svg, "<path d=\"M{} {y:.1}h18\" stroke=\"{colour}\" stroke-width=\"3\"/>", right + 12.0);
        text(svg, right + 36.0, y + 4.0, "start", "", &line.name);
    }
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, attributes: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ =
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {attributes}>{text}</text>");
}

/// Round numbers that enclose `low` and `high`: about `count` of them, and at least two.
fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let span = if high > low { high - low } else { 1.0 };
    let rough = span / count as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|&step| step >= rough * 0.999);
    let step = step.unwrap_or(rough);
    let first = (low / step).floor() as i64;
    let last = ((low + span) / step - 1e-9).ceil() as i64;
    (first..=last.max(first + 1)).map(|at| at as f64 * step).collect()
}

fn ends(ticks: &[f64]) -> (f64, f64) {
    (ticks[0], ticks[ticks.len() - 1])
}

/// A number without needless digits: 0.25, 3, 20,000.
fn number(value: f64) -> String {
    let short = format!("{value:.3}");
    let short = short.trim_end_matches('0').trim_end_matches('.');
    match short.parse::<i64>() {
        Ok(whole) if whole.abs() >= 10_000 => format!("{},{:03}", whole / 1000, whole.abs() % 1000),
        _ => short.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Plot, number, picture, ticks};

    #[test]
    fn ticks_are_round_and_cover_all() {
        assert_eq!(ticks(0.0, 5000.0, 8), [0.0, 1000.0, 2000.0, 3000.0, 4000.0, 5000.0]);
        assert_eq!(ticks(0.0, 0.0, 5), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        let around_zero = ticks(-3.0, 14.0, 6);
        assert!(around_zero[0] <= -3.0 && *around_zero.last().unwrap() >= 14.0);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, 0.25, 3.0, 20_000.0].map(number), ["0", "0.25", "3", "20,000"]);
    }

    #[test]
    fn every_line_and_point_is_drawn() {
        let line = |name: &str| Line { name: name.to_owned(), points: vec![(0.0, 1.0), (10.0, 2.0)] };
        let plot = Plot {
            title: "T".to_owned(),
            x_label: "x".to_owned(),
            y_label: "y".to_owned(),
            lines: vec![line("a<b"), line("c&d")],
            dots: true,
        };
        let svg = picture(&[plot]);
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(svg.contains("a&lt;b") && svg.contains("c&amp;d"));
    }
}
