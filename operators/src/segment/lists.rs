//! Every word the rules know, in groups; the comment of a group says why it is treated as it is.
//!
//! Words are written in lower case and without their final dot, with one space between them, are at most sixteen bytes
//! long, and are compared without regard to case unless the group says otherwise.

/// A continuation must follow: a sentence does not end in one of these, whatever comes next.
pub(super) const NEVER_ENDS: &str = "\
    e.g i.e vs v.s c.f";

/// Scholarly Latin, and ranks below the species, which the epithet always follows: never end a sentence in lower case;
/// in capitals they are something else (`CF.` is cystic fibrosis, `Ca.` calcium).
pub(super) const NEVER_ENDS_LOWER: &str = "\
    approx aka ca cf eg esp excl ie incl viz bv cv pv serov ssp subg subsp var";

/// Titles before a name, and places that go on (`St. Louis`, `Ft. Detrick`): never end a sentence when capitalised; in
/// lower case they are something else (`ms.` is milliseconds).
pub(super) const NEVER_ENDS_CAPITALISED: &str = "\
    approx excl incl cf dr drs mr mrs ms prof profs rev hon messrs gov sen capt lt col sgt st mt ft";

/// Followed by a number, a letter label or a bracket they go on (`Fig. 2`, `No. 5`, `Eq. (3)`, `Oct. 1999`); followed
/// by a capitalised word the sentence is over (`The answer was no. Patients ...`).
pub(super) const BEFORE_NUMBER: &str = "\
    fig figs figure tab tabs eq eqs eqn ref refs sect sec chap ch app no nos nr num vol vols p pp pg art \
    ver v ed tel cat lot n max avg est ca circa born jan feb mar apr jun jul aug sept sep oct nov dec";

/// May end a sentence but mostly stand before a name, a place or another abbreviation; the sentence is over only when a
/// word follows that commonly opens one ([`OPENERS`]).
pub(super) const NEEDS_OPENER: &str = "\
    al inc ltd corp co bros dept univ jr sr gmbh assoc u.s u.s.a u.k e.u d.c n.y u.n ph.d m.d m.sc b.sc pharm.d d.sc \
    r.n m.p.h d.phil et.al inst suppl supp ext deg";

/// The abbreviations still recognised when all in capitals. Others are acronyms there: `CO.` is carbon monoxide, `NO.`
/// nitric oxide, `SR.` sarcoplasmic reticulum.
pub(super) const IN_CAPITALS: &str = "\
    fig figs tab vol vs eq";

/// Parts of abbreviated journal names. Only the capitalised form counts (`Res.` but not `res.`); like
/// [`NEEDS_OPENER`] otherwise.
pub(super) const JOURNAL: &str = "\
    acad adv am anal anat anesth anesthesiol ann antimicrob appl arch biochem biol biomed biophys biotechnol br bull \
    cardiol chem chemother circ clin commun crit curr dermatol dev diagn dis endocrinol eng engl environ enzymol \
    epidemiol eur exp gastroenterol gen genet hematol hepatol hum immunol infect int intern invest jpn lett mech med \
    metab microbiol mol nat natl nephrol neurol neurosci nucl nutr obstet oncol ophthalmol opin pathol pediatr pharm \
    pharmacol physiol proc prog psychiatry publ radiol res respir rheumatol scand sci soc surg symp syst ther \
    toxicol trans transplant trop urol vet virol zool";

/// Units and counts written with a dot: a remark in brackets after them belongs to the same sentence (`6.2 mo. (95% CI
/// 4.1-8.8)`); otherwise they are plain words.
pub(super) const UNITS: &str = "\
    mo mos wk wks yr yrs hr hrs h min mins sec secs s d g pt pts";

/// Routes, schedules, times, unnamed species and measures close a phrase, so a sentence may well end in them: a
/// capitalised word starts the next one, while an acronym, a number or a lower-case word goes on (`i.v. MTX`,
/// `b.i.d. 5 mg`, `Synechocystis sp. PCC 6803`).
pub(super) const CLOSES_PHRASE: &str = "\
    i.v i.m i.p s.c p.o i.d i.t i.n i.c.v i.a i.g s.l p.r p.v iv im ip sc po b.i.d t.i.d q.i.d q.d q.h q.o.d q.w o.d \
    b.d t.d.s q.d.s p.r.n h.s a.c p.c bid tid qid q.a.m q.p.m a.m p.m a.d b.c sp spp nov gen comb etc resp ibid m.w \
    u.v w.w b.w b.p m.p r.t o.n wt mol conc temp vol u.p n.s s.d s.e s.e.m c.i i.u r.p.m c.p.m d.p.m b.p.m d.w f.w \
    w.v v.v";

/// Sentences typed without their capital are recognised by these, after a plain word of some length.
pub(super) const LOWER_CASE_OPENERS: &str = "\
    however it our the there these they this thus we";

/// Words that commonly open a sentence of an abstract and are neither names nor parts of names: they settle the
/// doubtful cases (`in the U.S. The`, `Smith et al. In`, `found.The`).
pub(super) const OPENERS: &str = "\
    according additional additionally adverse after all also although altogether among an analyses analysis and \
    animals another any are as at based because before besides between both but by can cells clinical collectively \
    combination combined compared concerning conclusion conclusions consequently consistent contrary conversely data \
    despite did do does due during each efficacy eight eighty either eleven even every evidence experiments few \
    fifteen fifty finally findings first firstly five following for forty four fourteen from further furthermore \
    given half has have he hence here herein his how however if importantly in indeed instead interestingly is it \
    its last lastly later less likewise many mean meanwhile median methods mice more moreover most much my neither \
    nevertheless nine no none nonetheless nor not notably now objective of on once one only other others otherwise \
    our outcomes over overall participants patients previous previously rats recent recently response results second \
    secondly seven several she significant similar similarly since six sixteen sixty so some specifically still \
    studies subjects subsequent subsequently such surprisingly ten than that the their then there thereafter \
    therefore these they third thirty this those though three through thus to together toxicity treatment twelve \
    twenty two under unlike until upon using we were was what when where whereas whether which while who whole why \
    will with within without yet you";

/// Before a single capital they announce a person or a species (`by J. Smith`, `against E. Coli`), so the capital is an
/// initial; after any other lower-case word it is a label (`kappa B.`, `hepatitis C.`).
pub(super) const BEFORE_INITIAL: &str = "\
    a an and against as between by for from in of on or that the to under using via when with than thank dr prof \
    de van von author professor";

/// Nouns a single capital belongs to even when they are themselves capitalised (`Group A.`, `Vitamin C.`).
pub(super) const LABELLED: &str = "\
    amphotericin appendix arm class cohort cyclosporin cyclosporine factor figure grade group hepatitis \
    immunoglobulin influenza kinase mitomycin panel part phase protein regimen schedule section stage step strain \
    study table treatment trial type vitamin kappa coenzyme antigen region site subunit chain";

/// Labels of structured abstracts: they open a sentence even where the space before them was lost (`found.RESULTS: We`).
pub(super) const SECTION_LABELS: &str = "\
    aim aims background conclusion conclusions context design discussion findings interpretation intervention \
    interventions introduction measurements method methods objective objectives outcomes participants patients \
    purpose rationale result results setting significance summary";

/// Remarks in square brackets that belong to the title or sentence before them and end it. Compared as prefixes.
pub(super) const EDITORIAL: &[&str] = &[
    "see comment",
    "comment",
    "editorial",
    "letter",
    "news",
    "published erratum",
    "erratum",
    "review",
    "retracted",
    "retraction",
    "clinical conference",
    "article in",
    "author's transl",
    "proceedings",
    "historical article",
    "in process",
    "abstract truncated",
];

/// Ends of host names, which a capital may start (`clinicaltrials.Gov`).
pub(super) const HOST_ENDINGS: &str = "\
    com edu gov int net org";

/// Spelled-out Greek letters, which open a sentence in lower case (`alpha-Tocopherol was`, `gamma-Interferon`).
pub(super) const GREEK: &str = "\
    alpha beta gamma delta epsilon kappa lambda omega sigma theta zeta mu eta";

/// Full stops, question and exclamation marks of other scripts. They end a sentence without a space after them.
pub(super) const FULL_STOPS: &[char] = &[
    '。', '！', '？', '｡', // Chinese and Japanese
    '।', '॥', // Devanagari and its relatives
    '؟', '۔', // Arabic, Persian, Urdu
    '።', '။', '។', // Ethiopic, Burmese, Khmer
];
