//! Formulas: the text form of those in a line, nothing of those on display.

use rexdrug_pubmed::xml::{RejectReason, Tag, Token, push_literal};

use crate::cursor::{Cursor, push};

/// What a formula in a line holds.
#[derive(Debug, Default)]
pub(crate) struct Formula {
    /// Text outside MathML and TeX.
    plain: String,
    /// The tokens of MathML, joined.
    math: String,
}

/// `math` with any prefix.
pub(crate) fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

impl Formula {
    /// Reads the formula in `tag`: an `inline-formula`, or a bare `math` or `tex-math`.
    pub(crate) fn read<'a>(cursor: &mut Cursor<'a>, tag: &Tag<'a>) -> Result<Self, RejectReason> {
        let mut formula = Self::default();
        cursor.walk(tag, &mut |token: Token<'a>, open| {
            let inside = |name: &str| open.iter().any(|tag| local(tag.name) == name);
            if inside("tex-math") || inside("annotation") || inside("annotation-xml") {
                return Ok(());
            }
            match inside("math") {
                true => {
                    let mut piece = String::new();
                    push(&mut piece, token)?;
                    formula.math.push_str(piece.trim());
                    Ok(())
                }
                false => push(&mut formula.plain, token),
            }
        })?;
        Ok(formula)
    }

    /// Appends the text form; false where there is none.
    pub(crate) fn append(&self, out: &mut String) -> Result<bool, RejectReason> {
        let text = if self.plain.trim().is_empty() { &self.math } else { &self.plain };
        push_literal(out, text, 0)?;
        Ok(!text.trim().is_empty())
    }
}
