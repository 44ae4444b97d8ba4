//! Whether text holds what a mail program turns into a link, or what a browser opens if a reader types it in.
//!
//! Mail programs link bare domain names, and the list of top-level domains grows, so nothing here depends on one: a full stop
//! with a letter or digit right before it and two letters right after it is enough. That refuses "Booking.com" (a company may
//! well be called that, and every mail program would link it) and "J.P.Morgan" (a space after the full stop helps);
//! "Acme Inc.", "St. John's", "A.B. Dick", "U.S.A." and "3.5 tonnes" pass.
//!
//! Let through on purpose, because ordinary text has the same shape and no mail program makes a link of it:
//!
//! - spelt-out or spaced addresses, "evil dot com", "evil. com", "evil .com": "Red Dot Design" and ".NET" are names;
//! - a host without a dot, "localhost/a/b", "evil:8080", "a@b": "and/or", "16:30" and "C@fé" look like that;
//! - an ideographic full stop after an ideograph, unless two lower-case letters follow: it ends sentences that have no space
//!   after it;
//! - middle dots and bullets, "Coca·Cola", "col·lecció": no resolver reads them as a full stop;
//! - four numbers one of which starts with 0 or is over 255, or five of them: telephone numbers and dates, no IPv4 address;
//! - IPv6 addresses outside "http://[…]".

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub(super) fn looks_like_link(text: &str) -> bool {
    let read = as_a_browser_reads(text);
    let chars: Vec<char> = read.chars().collect();
    has_domain_name(&chars)
        || has_www(&chars)
        || has_scheme(&chars)
        || has_mail_address(&chars)
        || has_ip_address(&read)
        // The ASCII form of a label in another script (RFC 5890 §2.3.2.1). Nobody's name has it.
        || read.contains("xn--")
}

/// The text with what a browser's address bar does to a host name (UTS #46 §4): compatibility forms and capitals are folded,
/// variation selectors dropped, look-alikes of the full stop made one. A full stop in brackets, which a reader is meant to
/// free, is freed.
fn as_a_browser_reads(text: &str) -> String {
    let chars = without_ornaments(text);
    let read: String = (0..chars.len()).map(|at| if stands_for_dot(&chars, at) { '.' } else { chars[at] }).collect();
    BRACKETED_DOTS.iter().fold(read.to_lowercase(), |read, bracketed| read.replace(bracketed, "."))
}

/// No name holds them, and every reader of "hxxp" and "evil[.]example" knows what they are for.
const BRACKETED_DOTS: [&str; 6] = ["[.]", "(.)", "{.}", "[dot]", "(dot)", "{dot}"];

/// Compatibility forms folded (UAX #15, NFKC: fullwidth and small forms, one dot leader, letters in circles, "⒈"), without
/// variation selectors, and without marks that stand on a full stop.
fn without_ornaments(text: &str) -> Vec<char> {
    let mut kept: Vec<char> = Vec::new();
    for c in text.nfkc() {
        let on_a_dot =
            is_combining_mark(c) && kept.last().is_some_and(|&before| matches!(before, '.' | IDEOGRAPHIC_STOP));
        if !is_variation_selector(c) && !on_a_dot {
            kept.push(c);
        }
    }
    kept
}

pub(super) const fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Read as a full stop in host names (UTS #46 §4, with its halfwidth and vertical forms, which NFKC folds to it).
const IDEOGRAPHIC_STOP: char = '\u{3002}';

/// Characters that look like a full stop (UTS #39, `confusables.txt`, and the Urdu full stop) and that no resolver reads as
/// one. Between two ASCII letters or digits nothing else explains them.
const RESEMBLE_A_DOT: [char; 9] = [
    '\u{660}',   // Arabic-Indic digit zero
    '\u{6d4}',   // Arabic full stop
    '\u{6f0}',   // extended Arabic-Indic digit zero
    '\u{701}',   // Syriac supralinear full stop
    '\u{702}',   // Syriac sublinear full stop
    '\u{a4f8}',  // Lisu letter tone mya ti
    '\u{a60e}',  // Vai full stop
    '\u{10a50}', // Kharoshthi punctuation dot
    '\u{1d16d}', // musical symbol combining augmentation dot
];

fn stands_for_dot(chars: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied().unwrap_or(' ');
    let after = |distance: usize| chars.get(at + distance).copied().unwrap_or(' ');
    match chars[at] {
        IDEOGRAPHIC_STOP if is_east_asian(before) => after(1).is_lowercase() && after(2).is_lowercase(),
        IDEOGRAPHIC_STOP => before.is_alphanumeric() && after(1).is_alphanumeric() && !is_east_asian(after(1)),
        c if RESEMBLE_A_DOT.contains(&c) => before.is_ascii_alphanumeric() && after(1).is_ascii_alphanumeric(),
        _ => false,
    }
}

/// The scripts that are written with the ideographic full stop: Han, kana, Bopomofo and, at times, Hangul.
const fn is_east_asian(c: char) -> bool {
    matches!(
        c,
        '\u{3005}'..='\u{3007}'
            | '\u{3040}'..='\u{31bf}'
            | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

/// "evil.example", "t.me/x", "i❤.ws", also inside "name@evil.example".
fn has_domain_name(chars: &[char]) -> bool {
    chars.windows(4).any(|window| match *window {
        [before, '.', first, second] => {
            ends_a_label(before) && first.is_alphabetic() && (second.is_alphabetic() || is_combining_mark(second))
        }
        _ => false,
    })
}

/// Letters, digits, marks, and the blocks from arrows to symbols and of pictographs: some registries sell emoji.
fn ends_a_label(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1fbff}')
}

/// "www." with something behind it: linked whatever that is.
fn has_www(chars: &[char]) -> bool {
    chars.windows(5).any(|window| matches!(*window, ['w', 'w', 'w', '.', after] if after.is_alphanumeric()))
}

/// "://", as in "http://x" and "hxxp://x", with what looks like it, and with the backslashes that browsers take for slashes
/// (URL Standard, special authority slashes).
fn has_scheme(chars: &[char]) -> bool {
    chars.windows(3).any(|window| match *window {
        [colon, first, second] => is_colon(colon) && is_slash(first) && is_slash(second),
        _ => false,
    })
}

/// The colon and its look-alikes (UTS #39, `confusables.txt`). NFKC has folded the fullwidth and small ones.
const fn is_colon(c: char) -> bool {
    matches!(
        c,
        ':' | '\u{2d0}'
            | '\u{2f8}'
            | '\u{589}'
            | '\u{5c3}'
            | '\u{703}'
            | '\u{704}'
            | '\u{1803}'
            | '\u{1809}'
            | '\u{205a}'
            | '\u{2236}'
            | '\u{a789}'
    )
}

/// Slashes, their look-alikes (UTS #39, `confusables.txt`), and the backslash.
const fn is_slash(c: char) -> bool {
    matches!(c, '/' | '\\' | '\u{1735}' | '\u{2041}' | '\u{2044}' | '\u{2215}' | '\u{2571}' | '\u{27cb}' | '\u{29f8}')
}

/// "user@host": two letters or digits on either side of the sign, with no space.
fn has_mail_address(chars: &[char]) -> bool {
    let in_a_word = |c: &char| c.is_alphanumeric() || is_combining_mark(*c);
    chars.windows(5).any(|window| match window {
        [a, b, '@', c, d] => [a, b, c, d].into_iter().all(in_a_word),
        _ => false,
    })
}

/// Four numbers from 0 to 255 with nothing but full stops between them: an IPv4 address as people and linkers write it.
fn has_ip_address(read: &str) -> bool {
    read.split(|c: char| !c.is_ascii_digit() && c != '.').any(|run| {
        let numbers: Vec<&str> = run.trim_matches('.').split('.').collect();
        numbers.len() == 4 && numbers.into_iter().all(is_octet)
    })
}

fn is_octet(number: &str) -> bool {
    number.parse::<u8>().is_ok_and(|octet| octet.to_string() == number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::is_forbidden;
    use idna::uts46::{DnsLength, Hyphens, Uts46};
    use idna::{AsciiDenyList, domain_to_ascii, domain_to_unicode};
    use proptest::prelude::*;

    #[track_caller]
    fn links(texts: &[&str]) {
        for text in texts {
            assert!(looks_like_link(text), "{text:?} passes");
        }
    }

    #[track_caller]
    fn passes(texts: &[&str]) {
        for text in texts {
            assert!(!looks_like_link(text), "{text:?} is refused");
        }
    }

    #[test]
    fn ordinary_names_and_sentences_are_no_links() {
        passes(&[
            "Müller & Söhne",
            "Dr. Oetker",
            "A.P. Moller",
            "A.P. Møller – Mærsk A/S",
            "Acme Inc.",
            "Acme, Inc. (U.S.A.)",
            "St. Mary's",
            "3.5 GmbH",
            "№.1 Plumbing",
            "Yahoo! 2.0",
            "Coca·Cola",
            "Col·lecció S.L.",
            "Red Dot Design",
            "The Dot Com Company",
            ".NET Foundation",
            "Wait…what?",
            "Wait...what?",
            "C@fé",
            "@Home",
            "Dinner @ Eight",
            "AT&T / and/or / 24/7 // 365",
            "open 9:30–16:30, 9 a.m. to 5㏘",
            "Ratio 3∶2",
            "❤\u{fe0f} Bakery. Come in",
            "“Acme”.Then what?",
        ]);
    }

    #[test]
    fn an_ideographic_full_stop_ends_a_sentence() {
        passes(&[
            "株式会社。",
            "株式会社。販売",
            "ようこそ。明日お会いしましょう。",
            "お願いします。Callaro は簡単です。",
            "お願いします｡Ken",
            "我们用 AWS。开发很快。",
            "环境。e-mail 见下",
        ]);
    }

    #[test]
    fn an_ideographic_full_stop_in_a_host_name_is_a_dot() {
        links(&["evil。com", "evil｡com", "evil\u{fe12}com", "login.你好。com", "你好。com", "www。1", "1。2。3。4"]);
    }

    #[test]
    fn look_alikes_of_a_dot_are_dots() {
        links(&[
            "evil\u{ff0e}com",
            "evil\u{2024}com",
            "evil\u{fe52}com",
            "evil\u{6d4}com",
            "evil\u{701}com",
            "evil\u{a4f8}com",
            "evil\u{1d16d}com",
            "evil⒈com",
        ]);
        passes(&["آپ کا شکریہ\u{6d4} کل ملیں گے\u{6d4}", "شکریہ\u{6d4}کل", "١٠٠ ٢٠\u{660}"]);
    }

    #[test]
    fn what_a_browser_ignores_in_a_host_name_does_not_hide_a_dot() {
        links(&["evil.\u{fe0f}com", "evil\u{fe0f}.com", "evil.\u{e0100}com", "evil.\u{301}com", "evil。\u{301}com"]);
    }

    #[test]
    fn letters_in_other_shapes_are_letters() {
        links(&[
            "ｅｖｉｌ．ｃｏｍ",
            "ⓔⓥⓘⓛ.ⓒⓞⓜ",
            "𝐞𝐯𝐢𝐥.𝐜𝐨𝐦",
            "ｗｗｗ．1",
            "ＸＮ－－p1ai",
            "i❤.ws",
            "1\u{fe0f}\u{20e3}.ws",
        ]);
    }

    #[test]
    fn a_dot_in_brackets_is_a_dot() {
        links(&["evil[.]example", "evil(.)example", "evil{.}example", "evil[dot]com", "evil(DOT)com", "1[.]2[.]3[.]4"]);
        passes(&["Acme (.)", "Red (dot) Design"]);
    }

    #[test]
    fn a_scheme_is_a_link_however_it_is_spelt() {
        links(&[
            "http://x",
            "HXXPS://x",
            "callaro://x",
            "http：／／x",
            "http\u{fe55}//x",
            "http\u{2236}\u{2215}\u{2215}x",
            "http\u{a789}\u{2044}\u{2044}x",
            "http:\u{29f8}\u{29f8}x",
            r"http:\\x",
            "http://[::1]/",
        ]);
    }

    #[test]
    fn four_octets_are_an_ip_address() {
        links(&[
            "1.2.3.4",
            "Log in at 10.0.0.1.",
            "203.0.113.7/login",
            "10.0.0.1:8080",
            "x@10.0.0.1",
            "１．２．３．４",
            "0.0.0.0",
        ]);
    }

    #[test]
    fn dates_prices_versions_and_telephone_numbers_are_no_ip_address() {
        passes(&[
            "12.5.2026",
            "1.250.000",
            "Version 1.2.3",
            "01.23.45.67.89",
            "02.123.45.67",
            "1.2.3.4.5",
            "1.2.3.256",
            "1.2.3.",
            "1..2.3.4",
            "No. 1. 2. 3. 4",
        ]);
    }

    #[test]
    fn user_at_host_is_a_link() {
        links(&["ada@host", "Mail ada@localhost", "ada＠host", "ada\u{fe6b}host", "büro@söhne", "ada@evil.example"]);
    }

    #[test]
    fn www_and_paths_are_links() {
        links(&["www.1", "WWW.Evil", "t.me/prize", "evil.example/a/b?c=d#e", "Prize:evil.example/a", "(evil.example)"]);
    }

    #[test]
    fn punycode_is_a_link() {
        links(&["xn--e1afmkfd", "XN--80ak6aa92e", "xn--e1afmkfd.xn--p1ai"]);
    }

    /// The standard's own table, through the crate that reads our mail domains: nothing that it makes a dot is missing above.
    #[test]
    fn whatever_uts_46_maps_to_a_dot_is_a_dot() {
        let makes_a_dot = |c: &char| domain_to_ascii(&format!("evil{c}com")).is_ok_and(|host| host.contains('.'));
        let dots: Vec<char> = ('\0'..='\u{1ffff}').filter(makes_a_dot).collect();
        assert!(dots.len() >= 4, "{dots:?}");
        for dot in dots {
            assert!(looks_like_link(&format!("evil{dot}com")), "U+{:04X}", dot as u32);
        }
    }

    /// A host as a browser reads it and shows it, if the text is one with a top-level domain of letters.
    fn host(text: &str) -> Option<String> {
        let ascii =
            Uts46::new().to_ascii(text.as_bytes(), AsciiDenyList::URL, Hyphens::Allow, DnsLength::Verify).ok()?;
        let (host, valid) = domain_to_unicode(&ascii);
        let (_, top) = host.rsplit_once('.')?;
        (valid.is_ok() && top.chars().count() >= 2 && top.chars().all(char::is_alphabetic)).then_some(host)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn whatever_a_browser_reads_as_a_host_is_a_link(
            text in "[a-zA-Z0-9ａｂⓒ𝐝éя\u{fe0f}\u{e0100}]{1,4}[.。．｡․﹒\u{fe0f}]{1,2}[a-zａⓒ𝐝éя\u{fe0f}]{2,5}"
        ) {
            prop_assume!(!text.chars().any(is_forbidden));
            if let Some(host) = host(&text) {
                prop_assert!(looks_like_link(&text), "{host}");
            }
        }

        #[test]
        fn every_ipv4_address_is_a_link(address in any::<std::net::Ipv4Addr>(), before in "[A-Z ]{0,5}", after in "[ /:,]?") {
            let text = format!("{before}{address}{after}");
            prop_assert!(looks_like_link(&text));
        }

        #[test]
        fn words_with_a_space_after_each_full_stop_are_no_link(words in prop::collection::vec("[A-Za-zäöüß&'-]{1,9}[.,]?", 1..9)) {
            prop_assume!(!words.concat().to_lowercase().contains("xn--"));
            prop_assert!(!looks_like_link(&words.join(" ")));
        }

        #[test]
        fn ideographs_around_an_ideographic_full_stop_are_no_link(text in "[一-龥ぁ-んァ-ヶ。、！]{0,40}") {
            prop_assert!(!looks_like_link(&text));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            looks_like_link(&text);
        }
    }
}
