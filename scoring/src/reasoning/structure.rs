//! The four headed points of a trace.

use crate::mended::rewards::point;

/// Words that identify the heading of each point; any of a line is enough.
const TITLES: [&[&str]; 4] = [
    &["clinical scenario"],
    &["candidate drugs", "regimen focus"],
    &["combination reasoning", "clinical effect"],
    &["extraction-oriented", "clinical summary"],
];

/// Where the four points are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline<'a> {
    /// Points found in the order 1, 2, 3, 4; counting stops at the first that is missing.
    pub points: usize,
    /// Points whose heading line holds the title the format asks for.
    pub titled: usize,
    /// Text of each point behind its heading number, up to the next point.
    pub sections: [Option<&'a str>; 4],
}

impl<'a> Outline<'a> {
    /// Finds the points of a trace: lines that start with the number, after list or emphasis marks.
    pub fn of(think: &'a str) -> Self {
        let mut starts: Vec<(usize, usize, &str)> = Vec::with_capacity(4);
        let mut offset = 0;
        for raw in think.split_inclusive('\n') {
            let line = raw.trim_start_matches(|c: char| c.is_whitespace() || "#*-".contains(c));
            if let Some((number, title)) = point(line)
                && usize::from(number) == starts.len() + 1
                && starts.len() < 4
            {
                starts.push((offset, offset + raw.len() - title.len(), title));
            }
            offset += raw.len();
        }
        let mut outline = Self { points: starts.len(), titled: 0, sections: [None; 4] };
        let ends = starts.iter().skip(1).map(|start| start.0).chain([think.len()]);
        for ((&(_, body, title), end), (section, titles)) in
            starts.iter().zip(ends).zip(outline.sections.iter_mut().zip(TITLES))
        {
            let title = title.to_lowercase();
            outline.titled += usize::from(titles.iter().any(|wanted| title.contains(wanted)));
            *section = think.get(body..end).map(str::trim);
        }
        outline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_the_points() {
        let outline =
            Outline::of("intro\n[1] Clinical scenario\n- a\n**[2] Drugs**\n- 10 mg\n(3) x\n4. Clinical Summary: z");
        assert_eq!((outline.points, outline.titled), (4, 2));
        assert_eq!(outline.sections[0], Some("Clinical scenario\n- a"));
        assert_eq!(outline.sections[3], Some("Clinical Summary: z"));
    }

    #[test]
    fn stops_at_a_missing_point() {
        let outline = Outline::of("1. a\n3. c\n4. d");
        assert_eq!((outline.points, outline.sections[1]), (1, None));
        assert_eq!(Outline::of("").points, 0);
    }
}
