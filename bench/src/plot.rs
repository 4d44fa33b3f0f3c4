//! Plots as SVG text: bars side by side, drawn by hand, for a page that is read as text everywhere else.

use std::fmt::Write as _;

/// A group of bars.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

/// One value.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    /// The lowest and the highest of what the value is the median of.
    pub(crate) range: (f64, f64),
    /// What is written beside it.
    pub(crate) label: String,
    pub(crate) tone: Tone,
}

/// How a bar looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Ours,
    /// Ours once more, to show the noise.
    Again,
    Peer,
    Reference,
}

impl Tone {
    fn colour(self) -> &'static str {
        match self {
            Self::Ours => "#0b6e99",
            Self::Again => "#7fb3cc",
            Self::Peer => "#b9c4cc",
            Self::Reference => "#e8dfc5",
        }
    }
}

const WIDTH: usize = 980;
/// Of one panel, two of which stand side by side.
const COLUMN: f64 = 490.0;
const NAMES: f64 = 125.0;
const BARS: f64 = 225.0;
const STEP: f64 = 19.0;
const TITLE: f64 = 34.0;

/// A value so many times the middle one is drawn cut off, or the others could not be seen.
const LONGEST: f64 = 4.0;

/// Draws rows of two panels.
pub(crate) fn draw(rows: &[(Panel, Panel)]) -> String {
    let (mut body, mut top) = (String::new(), 8.0);
    for (left, right) in rows {
        let height = panel(&mut body, left, 0.0, top).max(panel(&mut body, right, COLUMN, top));
        top += height + 14.0;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top:.0}\" width=\"{WIDTH}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

/// Draws one panel; returns its height.
fn panel(body: &mut String, panel: &Panel, left: f64, top: f64) -> f64 {
    let most = scale(&panel.bars);
    text(body, (left + 8.0, top + 18.0), "font-weight=\"bold\"", &panel.title);
    for (index, bar) in panel.bars.iter().enumerate() {
        let y = top + TITLE + index as f64 * STEP;
        let weight = if bar.tone == Tone::Ours {
            "text-anchor=\"end\" font-weight=\"bold\""
        } else {
            "text-anchor=\"end\""
        };
        text(body, (left + NAMES - 6.0, y + 11.0), weight, bar.name);
        let length = |value: f64| (value / most).min(1.0) * BARS;
        let (start, width) = (left + NAMES, length(bar.value).max(1.0));
        element(
            body,
            &format!(
                "<rect x=\"{start:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"14\" fill=\"{}\"/>",
                bar.tone.colour()
            ),
        );
        let (low, high) = (start + length(bar.range.0), start + length(bar.range.1));
        let middle = y + 7.0;
        element(
            body,
            &format!(
                "<path d=\"M{low:.1} {middle:.1}H{high:.1}M{low:.1} {:.1}v6M{high:.1} {:.1}v6\" stroke=\"#333\"/>",
                middle - 3.0,
                middle - 3.0
            ),
        );
        let cut = if bar.value > most { "» " } else { "" };
        text(body, (start + BARS + 8.0, y + 11.0), "", &format!("{cut}{}", bar.label));
    }
    TITLE + panel.bars.len() as f64 * STEP
}

/// Returns the value that is as long as the room for bars.
fn scale(bars: &[Bar]) -> f64 {
    let highest = |bars: &mut dyn Iterator<Item = &Bar>| bars.map(|bar| bar.range.1).fold(0.0, f64::max);
    let middle = crate::figures::median(bars.iter().map(|bar| bar.value));
    let ours = highest(&mut bars.iter().filter(|bar| bar.tone == Tone::Ours));
    // Our own bar is never cut off.
    highest(&mut bars.iter()).min((middle * LONGEST).max(ours)).max(f64::MIN_POSITIVE) * 1.02
}

fn element(body: &mut String, element: &str) {
    // Writing to a string cannot fail.
    writeln!(body, "{element}").unwrap_or_default();
}

fn text(body: &mut String, (x, y): (f64, f64), attributes: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    element(body, &format!("<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{words}</text>"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(value: f64, tone: Tone) -> Bar {
        Bar { name: "a<b", value, range: (value, value), label: String::new(), tone }
    }

    #[test]
    fn one_giant_does_not_hide_the_others() {
        let bars = [bar(1.0, Tone::Peer), bar(2.0, Tone::Peer), bar(500.0, Tone::Peer)];
        assert!(scale(&bars) < 10.0);
        let bars = [bar(1.0, Tone::Peer), bar(2.0, Tone::Peer), bar(500.0, Tone::Ours)];
        assert!(scale(&bars) > 500.0, "our own bar is shown whole");
    }

    #[test]
    fn names_are_no_markup() {
        let panel = || Panel { title: "R & S".into(), bars: vec![bar(1.0, Tone::Ours)] };
        let drawn = draw(&[(panel(), panel())]);
        assert!(drawn.contains("a&lt;b") && drawn.contains("R &amp; S"));
        assert_eq!(drawn.matches("<rect").count(), 3);
    }
}
