//! Finding drugs in text: one pass over the words, leftmost-longest.

use super::automaton::{GapHash, HEADS, PREFIXES, SALTS, Shifts, Start, TERMS};
use super::fold::{Atom, AtomHash, CLASS, Gap, LETTER, NON_ASCII, SEPARATOR, canonicalise_into, read_atom, read_gap};
use super::model::{DrugMention, EntryId, EntryKind, TermRule};
use super::rules::{Refusal, case_allows, has_sentence_end};
use super::store::Lexicon;

/// Working memory of one thread; reuse it so that matching allocates nothing.
#[derive(Debug, Default)]
pub struct MatchScratch {
    canonical: Vec<u8>,
    /// Positions in the output whose term needs context.
    pending: Vec<usize>,
}

impl MatchScratch {
    /// Empty working memory.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Told of every match that is considered; the one used for matching does nothing and costs nothing.
pub(crate) trait Observer {
    fn refused(&mut self, start: usize, end: usize, term: usize, why: Refusal);
    fn kept(&mut self, start: usize, end: usize, term: usize);
}

pub(crate) struct Silent;

impl Observer for Silent {
    #[inline(always)]
    fn refused(&mut self, _: usize, _: usize, _: usize, _: Refusal) {}
    #[inline(always)]
    fn kept(&mut self, _: usize, _: usize, _: usize) {}
}

/// The atom before the current one.
#[derive(Clone, Copy)]
struct Previous {
    end: usize,
    hash: u64,
}

#[derive(Clone, Copy)]
struct Best {
    end: usize,
    term: usize,
    entry: EntryId,
    needs_context: bool,
}

impl Lexicon {
    /// Finds the drugs of a text (best: one sentence), in order and without overlaps, leftmost-longest. `out` is cleared
    /// first; offsets are bytes of `text`. Nothing is found beyond 4 GiB.
    pub fn find_drugs(&self, text: &str, scratch: &mut MatchScratch, out: &mut Vec<DrugMention>) {
        self.scan(text, scratch, out, &mut Silent);
    }

    pub(crate) fn scan<O: Observer>(
        &self,
        text: &str,
        scratch: &mut MatchScratch,
        out: &mut Vec<DrugMention>,
        observer: &mut O,
    ) {
        out.clear();
        scratch.pending.clear();
        let bytes = text.as_bytes();
        let shifts = self.automaton.shifts();
        let mut previous = Previous { end: usize::MAX, hash: 0 };
        let mut at = 0usize;
        while let Some(&byte) = bytes.get(at) {
            let class = CLASS[usize::from(byte)];
            if class == SEPARATOR {
                at += 1;
                continue;
            }
            let mut hash = AtomHash::new(self.automaton.seed);
            let Some(atom) = read_atom(text, at, &mut hash) else {
                let gap = read_gap(text, at, &mut GapHash::new());
                if gap.glued && previous.end == at {
                    previous.end = gap.next;
                }
                // A character that is neither atom nor gap does not exist; the maximum guards against standing still.
                at = gap.next.max(at + 1);
                continue;
            };
            at = atom.end;
            let is_glued = previous.end == atom.start;
            let before = previous;
            previous = Previous { end: atom.end, hash: hash.value() };
            if is_glued {
                continue;
            }
            let is_candidate = match self.automaton.start(hash.value(), shifts) {
                Start::Never => false,
                Start::GoesOn => self.goes_on(text, atom, hash.value(), shifts),
                Start::MayEnd => true,
            };
            if is_candidate && let Some(best) = self.walk(text, atom, hash.value(), before, scratch, observer) {
                if !push(text, atom.start, best, scratch, out) {
                    break;
                }
                observer.kept(atom.start, best.end, best.term);
                at = best.end;
                previous = Previous { end: best.end, hash: 0 };
                continue;
            }
            if class == LETTER
                && let Some(stem) = self.stems.find(bytes.get(atom.start..atom.end).unwrap_or_default())
                && !self.is_listed(text, atom, hash.value(), scratch)
                && bytes.get(atom.end).is_none_or(|&next| matches!(CLASS[usize::from(next)], SEPARATOR | NON_ASCII))
            {
                let gap = read_gap(text, atom.end, &mut GapHash::new());
                let best = Best { end: atom.end, term: 0, entry: EntryId::stem(stem), needs_context: false };
                if (!gap.glued || gap.next == text.len()) && !push(text, atom.start, best, scratch, out) {
                    break;
                }
            }
        }
        self.settle_context(text, scratch, out, observer);
    }

    /// Whether the atom after `first` may go on with a term; spares most common words (`human`, `acid`) the walk.
    #[inline]
    fn goes_on(&self, text: &str, first: Atom, first_hash: u64, shifts: Shifts) -> bool {
        let mut gap_hash = GapHash::new();
        let gap = read_gap(text, first.end, &mut gap_hash);
        let mut hash = AtomHash::new(self.automaton.seed);
        read_atom(text, gap.next, &mut hash).is_some()
            && self.automaton.may_go_on(first_hash, gap_hash.value(), hash.value(), shifts)
    }

    /// Whether the atom alone is a term. The rules have judged it then, and a stem must not bring back what they refused.
    fn is_listed(&self, text: &str, atom: Atom, hash: u64, scratch: &mut MatchScratch) -> bool {
        let accepted = self.automaton.step(TERMS, 0, hash).and_then(|node| self.automaton.accept(node));
        let term = accepted.and_then(|number| self.terms.get(number as usize));
        let surface = text.get(atom.start..atom.end).unwrap_or_default();
        term.is_some_and(|term| folds_to(surface, &term.canonical, &mut scratch.canonical))
    }

    /// Walks the trie from one atom; the longest term that passes the rules.
    #[inline(never)]
    fn walk<O: Observer>(
        &self,
        text: &str,
        first: Atom,
        first_hash: u64,
        before: Previous,
        scratch: &mut MatchScratch,
        observer: &mut O,
    ) -> Option<Best> {
        let mut best: Option<Best> = None;
        let mut node = self.automaton.step(TERMS, 0, first_hash)?;
        let mut end = first.end;
        loop {
            let mut gap_hash = GapHash::new();
            let gap = read_gap(text, end, &mut gap_hash);
            let mut hash = AtomHash::new(self.automaton.seed);
            let next = read_atom(text, gap.next, &mut hash);
            if let Some(term) = self.automaton.accept(node) {
                let after = next.map(|_| (gap_hash.value(), hash.value()));
                match self.judge(text, first, end, term as usize, gap, after, before, scratch) {
                    Ok(found) => {
                        if let Some(shorter) = best.replace(found) {
                            observer.refused(first.start, shorter.end, shorter.term, Refusal::Shorter);
                        }
                    }
                    Err(why) => observer.refused(first.start, end, term as usize, why),
                }
            }
            let (Some(atom), Some(to)) = (next, self.automaton.step(node, gap_hash.value(), hash.value())) else {
                break;
            };
            node = to;
            end = atom.end;
        }
        best.map(|best| self.with_salt(text, best))
    }

    /// Whether the term that ends at `end` is a mention. `after` is gap and hash of the atom that follows.
    #[expect(clippy::too_many_arguments, reason = "the state of one walk, used in one place")]
    fn judge(
        &self,
        text: &str,
        first: Atom,
        end: usize,
        number: usize,
        gap: Gap,
        after: Option<(u64, u64)>,
        before: Previous,
        scratch: &mut MatchScratch,
    ) -> Result<Best, Refusal> {
        if gap.glued && after.is_some() {
            return Err(Refusal::InsideWord);
        }
        let term = self.terms.get(number).ok_or(Refusal::OtherTerm)?;
        let surface = text.get(first.start..end).unwrap_or_default();
        if !folds_to(surface, &term.canonical, &mut scratch.canonical) {
            return Err(Refusal::OtherTerm);
        }
        if !case_allows(term.rule, surface, &term.written) {
            return Err(Refusal::LetterCase);
        }
        let is_joined = before.end < first.start && read_gap(text, before.end, &mut GapHash::new()).tight;
        let hyphen = text.get(before.end..first.start);
        if is_joined
            && hyphen != Some("'")
            && self.ends_word(PREFIXES, 0, before.hash)
            && hyphen.is_some_and(is_neutral)
        {
            return Err(Refusal::ChemicalPrefix);
        }
        if after.is_some_and(|(gap, hash)| gap == 0 && self.is_head(text, end, gap, hash)) {
            return Err(Refusal::ProteinHead);
        }
        Ok(Best { end, term: number, entry: term.entry, needs_context: term.rule == TermRule::Context })
    }

    fn ends_word(&self, root: u32, gap: u64, hash: u64) -> bool {
        self.automaton.step(root, gap, hash).is_some_and(|node| self.automaton.accept(node).is_some())
    }

    /// Whether a protein head (one or two atoms) follows at `end`.
    fn is_head(&self, text: &str, end: usize, gap: u64, hash: u64) -> bool {
        self.automaton.step(HEADS, gap, hash).is_some() && self.longest(text, end, HEADS).is_some()
    }

    /// End of the longest form under `root` that follows at `from` after a neutral gap and ends with a word.
    fn longest(&self, text: &str, from: usize, root: u32) -> Option<usize> {
        let (mut node, mut end, mut found) = (root, from, None);
        loop {
            let mut gap_hash = GapHash::new();
            let gap = read_gap(text, end, &mut gap_hash);
            let mut hash = AtomHash::new(self.automaton.seed);
            let next = read_atom(text, gap.next, &mut hash);
            if node != root && self.automaton.accept(node).is_some() && (!gap.glued || next.is_none()) {
                found = Some(end);
            }
            let (Some(atom), Some(to)) = (next, self.automaton.step(node, gap_hash.value(), hash.value())) else {
                return found;
            };
            node = to;
            end = atom.end;
        }
    }

    /// A salt or ester after a drug belongs to its mention.
    fn with_salt(&self, text: &str, best: Best) -> Best {
        if !matches!(self.kind(best.entry), EntryKind::Drug | EntryKind::Product) {
            return best;
        }
        Best { end: self.longest(text, best.end, SALTS).unwrap_or(best.end), ..best }
    }

    /// Drops mentions that need an unambiguous drug in the same sentence and have none.
    fn settle_context<O: Observer>(
        &self,
        text: &str,
        scratch: &mut MatchScratch,
        out: &mut Vec<DrugMention>,
        observer: &mut O,
    ) {
        let pending = &scratch.pending;
        if pending.is_empty() {
            return;
        }
        let is_pending = |at: usize| pending.binary_search(&at).is_ok();
        let is_near = |a: &DrugMention, b: &DrugMention| {
            let (from, to) = if a.start < b.start { (a.end, b.start) } else { (b.end, a.start) };
            !text.get(from as usize..to as usize).is_some_and(has_sentence_end)
        };
        let lonely: Vec<usize> = pending
            .iter()
            .copied()
            .filter(|&at| {
                let Some(mention) = out.get(at) else { return false };
                !(0..at).rev().chain(at + 1..out.len()).filter(|&other| !is_pending(other)).any(|other| {
                    out.get(other).is_some_and(|other| other.entry != mention.entry && is_near(mention, other))
                })
            })
            .collect();
        let mut at = 0;
        out.retain(|mention| {
            let is_lonely = lonely.binary_search(&at).is_ok();
            at += 1;
            if is_lonely {
                observer.refused(mention.start as usize, mention.end as usize, usize::MAX, Refusal::NoContext);
            }
            !is_lonely
        });
    }
}

fn is_neutral(gap: &str) -> bool {
    !gap.chars().any(char::is_whitespace) && gap.chars().count() == 1 && !gap.contains(['/', '+', '(', ')', ',', ':'])
}

/// Whether the surface has the canonical form of the term, or that form with a plural `s`.
fn folds_to(surface: &str, canonical: &str, buffer: &mut Vec<u8>) -> bool {
    let plural =
        |form: &[u8]| form.strip_suffix(b"s").is_some_and(|base| base.eq_ignore_ascii_case(canonical.as_bytes()));
    let bytes = surface.as_bytes();
    if bytes.eq_ignore_ascii_case(canonical.as_bytes()) || (surface.is_ascii() && plural(bytes)) {
        return true;
    }
    buffer.clear();
    canonicalise_into(surface, buffer);
    buffer == canonical.as_bytes() || plural(buffer)
}

/// Appends a mention; `false` when its offsets no longer fit.
fn push(text: &str, start: usize, best: Best, scratch: &mut MatchScratch, out: &mut Vec<DrugMention>) -> bool {
    let (Ok(from), Ok(to)) = (u32::try_from(start), u32::try_from(best.end)) else { return false };
    if text.get(start..best.end).is_none() {
        return true;
    }
    if best.needs_context {
        scratch.pending.push(out.len());
    }
    out.push(DrugMention { start: from, end: to, entry: best.entry });
    true
}
