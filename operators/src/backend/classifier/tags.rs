//! From tag probabilities of word pieces to spans, by the rules that the training code uses.

/// Probabilities of O, B, I.
pub(super) type Tags = [f64; 3];

/// Spans (code points of `sentence`) of the drugs that the tagger sees.
///
/// A piece belongs to a drug when P(B) + P(I) is above `threshold`; a run goes on while I is likelier than B; its ends
/// are moved outwards to whole words. `offsets` are the pieces' code points; `tags` has one entry per piece, none
/// where no window saw it.
pub(super) fn spans(
    sentence: &[char],
    offsets: &[(usize, usize)],
    tags: &[Option<Tags>],
    threshold: f64,
) -> Vec<(usize, usize)> {
    let outside = |piece: usize| tags.get(piece).copied().flatten().is_none_or(|[none, ..]| none >= 1.0 - threshold);
    let inside = |piece: usize| {
        !outside(piece) && tags.get(piece).copied().flatten().is_some_and(|[_, begin, inner]| inner > begin)
    };
    let wordy = |place: usize| sentence.get(place).is_some_and(|letter| letter.is_alphanumeric());
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut piece = 0;
    while let Some(&(first_start, first_end)) = offsets.get(piece) {
        if outside(piece) || first_start == first_end {
            piece += 1;
            continue;
        }
        let (mut start, mut end) = (first_start, first_end);
        piece += 1;
        while piece < offsets.len() && inside(piece) {
            end = offsets.get(piece).map_or(end, |offset| offset.1.max(end));
            piece += 1;
        }
        while start > 0 && wordy(start - 1) && wordy(start) {
            start -= 1;
        }
        while end > 0 && wordy(end) && wordy(end - 1) {
            end += 1;
        }
        // Two runs that split one word meet again when their ends are moved outwards.
        match found.last_mut() {
            Some(last) if start < last.1 => last.1 = last.1.max(end),
            _ => found.push((start, end.min(sentence.len()))),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn tags_become_whole_words() {
        // Pieces: cis|##platin| |and| |5|-|FU
        let text: Vec<char> = "cisplatin and 5-FU".chars().collect();
        let offsets = [(0, 3), (3, 9), (10, 13), (14, 15), (15, 16), (16, 18)];
        let (o, b, i) = ([0.9, 0.06, 0.04], [0.1, 0.7, 0.2], [0.1, 0.2, 0.7]);
        let show = |tags: [Tags; 6]| {
            let tags: Vec<_> = tags.into_iter().map(Some).collect();
            spans(&text, &offsets, &tags, 0.5)
                .into_iter()
                .map(|(start, end)| text[start..end].iter().collect::<String>())
                .collect::<Vec<_>>()
        };
        assert_eq!(show([b, i, o, b, i, i]), ["cisplatin", "5-FU"]);
        assert_eq!(show([o, i, o, i, i, i]), ["cisplatin", "5-FU"], "a run may begin with I, and snaps to the word");
        assert_eq!(show([b, o, o, o, o, o]), ["cisplatin"]);
        assert_eq!(show([b, b, o, b, b, b]), ["cisplatin", "5", "-", "FU"], "B splits, but never a word");
        assert!(show([o; 6]).is_empty());
        let edge = [0.5, 0.3, 0.2];
        assert!(show([edge, o, o, o, o, o]).is_empty(), "the threshold itself is not enough");
        assert!(spans(&text, &offsets, &[None; 6], 0.5).is_empty());
        assert!(spans(&[], &[], &[], 0.5).is_empty());
        assert!(spans(&text, &[(0, 0)], &[Some(b)], 0.5).is_empty(), "a piece without text");
    }
}
