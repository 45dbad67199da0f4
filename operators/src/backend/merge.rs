//! Union of the mentions that were given and those that the tagger found.

use super::ItemMention;

/// Which span stays when a tagged mention overlaps exactly one given mention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OverlapRule {
    /// The longer one; id and name of the given mention stay either way.
    #[default]
    LongestWins,
    /// The given one.
    GivenWins,
}

/// A mention that only the tagger knows.
pub(crate) fn tagged_mention(start: usize, end: usize, surface: String) -> ItemMention {
    let name = surface.to_lowercase();
    let (drug_id, kind) = (format!("tag:{name}"), "tagged".to_owned());
    ItemMention { start, end, drug_id, name, surface, kind }
}

/// `given` and the spans of `tagged` (code points of `sentence`), in text order.
///
/// A tagged span that overlaps nothing is a new mention with id `tag:<lower-case surface>` and kind `tagged`; one that
/// overlaps several given mentions is dropped: it has run two drugs together.
pub(crate) fn union(
    sentence: &str,
    given: &[ItemMention],
    tagged: &[(usize, usize)],
    rule: OverlapRule,
) -> Vec<ItemMention> {
    let mut mentions = given.to_vec();
    for &(start, end) in tagged {
        let overlaps = |mention: &ItemMention| mention.start < end && start < mention.end;
        let mut hits = mentions.iter().enumerate().filter(|(_, mention)| overlaps(mention)).map(|(index, _)| index);
        let surface = || -> String { sentence.chars().skip(start).take(end - start).collect() };
        match (hits.next(), hits.next()) {
            (None, _) => mentions.push(tagged_mention(start, end, surface())),
            (Some(only), None) if rule == OverlapRule::LongestWins => {
                if let Some(mention) = mentions.get_mut(only)
                    && end - start > mention.end - mention.start
                {
                    mention.surface = surface();
                    (mention.start, mention.end) = (start, end);
                }
            }
            _ => {}
        }
    }
    mentions.sort_by_key(|mention| (mention.start, mention.end));
    mentions
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn unions_follow_the_rule() {
        // 0123456789012345678901234567890123456789
        // α liposomal doxorubicin/cisplatin, Taxol
        let sentence = "α liposomal doxorubicin/cisplatin, Taxol";
        let given = |start: usize, end: usize, id: &str| ItemMention {
            start,
            end,
            drug_id: id.to_owned(),
            name: id.to_owned(),
            surface: sentence.chars().skip(start).take(end - start).collect(),
            kind: "name".to_owned(),
        };
        let lexicon = [given(12, 23, "doxorubicin"), given(24, 33, "cisplatin")];
        let show = |tagged: &[(usize, usize)], rule| {
            let merged = union(sentence, &lexicon, tagged, rule);
            merged
                .iter()
                .map(|mention| format!("{}={}", mention.drug_id, mention.surface))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let unchanged = "doxorubicin=doxorubicin cisplatin=cisplatin";
        let longer = "doxorubicin=liposomal doxorubicin cisplatin=cisplatin";
        for (tagged, rule, expected) in [
            (vec![], OverlapRule::LongestWins, unchanged),
            (vec![(12, 23)], OverlapRule::LongestWins, unchanged),
            (vec![(12, 16)], OverlapRule::LongestWins, unchanged),
            (vec![(2, 23)], OverlapRule::LongestWins, longer),
            (vec![(2, 23)], OverlapRule::GivenWins, unchanged),
            (vec![(12, 33)], OverlapRule::LongestWins, unchanged),
            (vec![(35, 40)], OverlapRule::GivenWins, "doxorubicin=doxorubicin cisplatin=cisplatin tag:taxol=Taxol"),
        ] {
            assert_eq!(show(&tagged, rule), expected, "{tagged:?} {rule:?}");
        }
    }
}
