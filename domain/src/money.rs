//! Currencies and tax ids.

use crate::invalid::Invalid;
use crate::text::text_form;

/// A currency that an invoice can be paid in, by its three-letter code (ISO 4217).
///
/// The active codes of list one, as of January 2026, without those that nobody can pay with: funds and units of
/// account (CHE, CLF, XDR, …), metals (XAU, …), and the codes for testing and for no currency (XTS, XXX).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(&'static (&'static str, u8));

impl Currency {
    /// Reads a code, in capitals or not.
    ///
    /// # Errors
    /// `currency_unknown` when it is no such code.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let code = text.trim().to_ascii_uppercase();
        CURRENCIES
            .binary_search_by_key(&code.as_str(), |&(code, _)| code)
            .map(|index| Self(&CURRENCIES[index]))
            .map_err(|_| unknown_currency())
    }

    /// The code, in capitals.
    pub const fn as_str(&self) -> &'static str {
        self.0.0
    }

    /// How many decimal digits the minor unit has: 2 for EUR (a cent), 0 for JPY, 3 for KWD.
    pub const fn minor_digits(&self) -> u8 {
        self.0.1
    }
}

fn unknown_currency() -> Invalid {
    Invalid::new(
        "currency_unknown",
        "This is not a currency code. Use the three letters of ISO 4217, such as EUR for the euro.",
    )
}

text_form!(Currency, {
    "type": "string",
    "pattern": "^[A-Z]{3}$",
    "description": "A currency code of ISO 4217.",
    "examples": ["EUR"],
});

/// Code and digits of the minor unit, sorted by code.
#[rustfmt::skip]
static CURRENCIES: [(&str, u8); 155] = [
    ("AED", 2), ("AFN", 2), ("ALL", 2), ("AMD", 2), ("AOA", 2), ("ARS", 2), ("AUD", 2), ("AWG", 2),
    ("AZN", 2), ("BAM", 2), ("BBD", 2), ("BDT", 2), ("BHD", 3), ("BIF", 0), ("BMD", 2), ("BND", 2),
    ("BOB", 2), ("BRL", 2), ("BSD", 2), ("BTN", 2), ("BWP", 2), ("BYN", 2), ("BZD", 2), ("CAD", 2),
    ("CDF", 2), ("CHF", 2), ("CLP", 0), ("CNY", 2), ("COP", 2), ("CRC", 2), ("CUP", 2), ("CVE", 2),
    ("CZK", 2), ("DJF", 0), ("DKK", 2), ("DOP", 2), ("DZD", 2), ("EGP", 2), ("ERN", 2), ("ETB", 2),
    ("EUR", 2), ("FJD", 2), ("FKP", 2), ("GBP", 2), ("GEL", 2), ("GHS", 2), ("GIP", 2), ("GMD", 2),
    ("GNF", 0), ("GTQ", 2), ("GYD", 2), ("HKD", 2), ("HNL", 2), ("HTG", 2), ("HUF", 2), ("IDR", 2),
    ("ILS", 2), ("INR", 2), ("IQD", 3), ("IRR", 2), ("ISK", 0), ("JMD", 2), ("JOD", 3), ("JPY", 0),
    ("KES", 2), ("KGS", 2), ("KHR", 2), ("KMF", 0), ("KPW", 2), ("KRW", 0), ("KWD", 3), ("KYD", 2),
    ("KZT", 2), ("LAK", 2), ("LBP", 2), ("LKR", 2), ("LRD", 2), ("LSL", 2), ("LYD", 3), ("MAD", 2),
    ("MDL", 2), ("MGA", 2), ("MKD", 2), ("MMK", 2), ("MNT", 2), ("MOP", 2), ("MRU", 2), ("MUR", 2),
    ("MVR", 2), ("MWK", 2), ("MXN", 2), ("MYR", 2), ("MZN", 2), ("NAD", 2), ("NGN", 2), ("NIO", 2),
    ("NOK", 2), ("NPR", 2), ("NZD", 2), ("OMR", 3), ("PAB", 2), ("PEN", 2), ("PGK", 2), ("PHP", 2),
    ("PKR", 2), ("PLN", 2), ("PYG", 0), ("QAR", 2), ("RON", 2), ("RSD", 2), ("RUB", 2), ("RWF", 0),
    ("SAR", 2), ("SBD", 2), ("SCR", 2), ("SDG", 2), ("SEK", 2), ("SGD", 2), ("SHP", 2), ("SLE", 2),
    ("SOS", 2), ("SRD", 2), ("SSP", 2), ("STN", 2), ("SVC", 2), ("SYP", 2), ("SZL", 2), ("THB", 2),
    ("TJS", 2), ("TMT", 2), ("TND", 3), ("TOP", 2), ("TRY", 2), ("TTD", 2), ("TWD", 2), ("TZS", 2),
    ("UAH", 2), ("UGX", 0), ("USD", 2), ("UYU", 2), ("UZS", 2), ("VED", 2), ("VES", 2), ("VND", 0),
    ("VUV", 0), ("WST", 2), ("XAF", 0), ("XCD", 2), ("XCG", 2), ("XOF", 0), ("XPF", 0), ("YER", 2),
    ("ZAR", 2), ("ZMW", 2), ("ZWG", 2),
];

/// A company's tax number: 2 to 20 capitals and digits.
///
/// Only the shape is checked, and for the VAT numbers of the EU, the United Kingdom, Norway and Switzerland the
/// shape of that country. Whether the number exists is for the tax office to say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaxId(String);

impl TaxId {
    /// Reads a number; spaces, dots and hyphens are dropped and letters become capitals.
    ///
    /// # Errors
    /// `tax_id_invalid` when what remains has another shape.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let id: String = text.trim().chars().filter(|c| !matches!(c, ' ' | '.' | '-')).collect();
        let id = id.to_ascii_uppercase();
        let plain = (2..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plain {
            return Err(malformed_tax_id());
        }
        match vat_shapes(&id) {
            Some((number, shapes)) if !any_fits(shapes, number) && !any_fits(OTHER_SHAPES, &id) => Err(malformed_vat()),
            _ => Ok(Self(id)),
        }
    }

    /// The number, in capitals and without grouping.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// If the id starts as a VAT number does: the rest of it, and the shapes that the rest may have.
fn vat_shapes(id: &str) -> Option<(&str, &'static [&'static str])> {
    VAT_SHAPES.iter().find_map(|&(prefix, shapes)| Some((id.strip_prefix(prefix)?, shapes)))
}

fn any_fits(shapes: &[&str], text: &str) -> bool {
    shapes.iter().any(|shape| fits(shape, text))
}

/// Whether the text has the shape: `9` stands for a digit, `?` for a letter, `*` for either, `m` and `d` for the
/// first digit of a month and of a day, and any other character for itself.
fn fits(shape: &str, text: &str) -> bool {
    let fits_at = |(shape, byte): (u8, u8)| match shape {
        b'9' => byte.is_ascii_digit(),
        b'?' => byte.is_ascii_uppercase(),
        b'*' => byte.is_ascii_alphanumeric(),
        b'm' => matches!(byte, b'0' | b'1'),
        b'd' => matches!(byte, b'0'..=b'3'),
        literal => byte == literal,
    };
    shape.len() == text.len() && shape.bytes().zip(text.bytes()).all(fits_at)
}

fn malformed_tax_id() -> Invalid {
    Invalid::new("tax_id_invalid", "This is not a tax id. Use 2 to 20 letters and digits, like DE123456789.")
}

fn malformed_vat() -> Invalid {
    Invalid::new(
        "tax_id_invalid",
        "This VAT number does not have the form that its country uses. Check it against an official letter.",
    )
}

/// What follows the prefix of a VAT number.
///
/// EU and Northern Ireland (XI): the structure table of the European Commission's VAT information exchange
/// system (VIES); Greece's prefix is EL. Great Britain: as XI. Norway: the organisation number, MVA after it or
/// not. Switzerland: the enterprise number UID (CHE), the tax's name after it or not.
#[rustfmt::skip]
const VAT_SHAPES: &[(&str, &[&str])] = &[
    ("AT", &["U99999999"]),
    ("BE", &["0999999999", "1999999999"]),
    ("BG", &["999999999", "9999999999"]),
    ("CH", &["E999999999", "E999999999MWST", "E999999999TVA", "E999999999IVA"]),
    ("CY", &["99999999?"]),
    ("CZ", &["99999999", "999999999", "9999999999"]),
    ("DE", &["999999999"]),
    ("DK", &["99999999"]),
    ("EE", &["999999999"]),
    ("EL", &["999999999"]),
    ("ES", &["?9999999?", "?99999999", "99999999?"]),
    ("FI", &["99999999"]),
    ("FR", &["**999999999"]),
    ("GB", &["999999999", "999999999999", "GD999", "HA999"]),
    ("HR", &["99999999999"]),
    ("HU", &["99999999"]),
    ("IE", &["9999999?", "9999999??", "9?99999?"]),
    ("IT", &["99999999999"]),
    ("LT", &["999999999", "999999999999"]),
    ("LU", &["99999999"]),
    ("LV", &["99999999999"]),
    ("MT", &["99999999"]),
    ("NL", &["999999999B99"]),
    ("NO", &["999999999", "999999999MVA"]),
    ("PL", &["9999999999"]),
    ("PT", &["999999999"]),
    ("RO", &["99", "999", "9999", "99999", "999999", "9999999", "99999999", "999999999", "9999999999"]),
    ("SE", &["999999999999"]),
    ("SI", &["99999999"]),
    ("SK", &["9999999999"]),
    ("XI", &["999999999", "999999999999", "GD999", "HA999"]),
];

/// Whole numbers of countries without a prefix that start with letters of a name, which can be any country's:
/// India's PAN, Mexico's RFC (company, person; with a date, so that no VAT number with a digit too many has its
/// shape), Italy's codice fiscale.
const OTHER_SHAPES: &[&str] = &["?????9999?", "???99m9d9***", "????99m9d9***", "??????99?99?999?"];

text_form!(TaxId, {
    "type": "string",
    "pattern": "^[A-Z0-9]{2,20}$",
    "examples": ["DE123456789"],
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invalid::from_wire;
    use proptest::prelude::*;
    use serde_json::{from_value, json, to_value};

    #[test]
    fn the_currency_table_is_sorted_and_well_formed() {
        assert!(CURRENCIES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (code, digits) in CURRENCIES {
            assert!(code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()), "{code}");
            assert!(matches!(digits, 0 | 2 | 3), "{code}");
        }
    }

    #[test]
    fn currencies_are_read_in_any_case_and_know_their_minor_unit() {
        for (typed, code, digits) in [
            ("EUR", "EUR", 2),
            (" usd ", "USD", 2),
            ("gbp", "GBP", 2),
            ("jpy", "JPY", 0),
            ("KRW", "KRW", 0),
            ("CLP", "CLP", 0),
            ("ISK", "ISK", 0),
            ("XOF", "XOF", 0),
            ("KWD", "KWD", 3),
            ("TND", "TND", 3),
            ("HUF", "HUF", 2),
            ("ZWG", "ZWG", 2),
            ("XCG", "XCG", 2),
        ] {
            let currency = Currency::parse(typed).unwrap();
            assert_eq!((currency.as_str(), currency.minor_digits()), (code, digits));
        }
    }

    #[test]
    fn codes_that_nobody_pays_with_are_refused() {
        for text in [
            "",
            "EU",
            "EURO",
            "€",
            "DEM",
            "HRK",
            "BGN",
            "ZWL",
            "ANG",
            "XXX",
            "XTS",
            "XAU",
            "XDR",
            "CHE",
            "CLF",
            "BTC",
            "ＥＵＲ",
        ] {
            assert_eq!(Currency::parse(text).unwrap_err().code, "currency_unknown", "{text:?}");
        }
    }

    /// One good number for every shape in the table.
    #[test]
    fn vat_numbers_of_every_country_pass() {
        for number in [
            "ATU12345678",
            "BE0123456789",
            "BE1012345678",
            "BG123456789",
            "BG1234567890",
            "CHE123456789",
            "CHE123456789MWST",
            "CHE123456789TVA",
            "CHE123456789IVA",
            "CY12345678X",
            "CZ12345678",
            "CZ123456789",
            "CZ1234567890",
            "DE123456789",
            "DK12345678",
            "EE123456789",
            "EL123456789",
            "ESX1234567X",
            "ESX12345678",
            "ES12345678X",
            "FI12345678",
            "FR12345678901",
            "FRX1234567890",
            "FR1X123456789",
            "FRXX123456789",
            "GB123456789",
            "GB123456789012",
            "GBGD123",
            "GBHA567",
            "HR12345678901",
            "HU12345678",
            "IE1234567WA",
            "IE1234567F",
            "IE1X23456L",
            "IT12345678901",
            "LT123456789",
            "LT123456789012",
            "LU12345678",
            "LV12345678901",
            "MT12345678",
            "NL123456789B01",
            "NO123456789",
            "NO123456789MVA",
            "PL1234567890",
            "PT123456789",
            "RO12",
            "RO1234567890",
            "SE123456789012",
            "SI12345678",
            "SK1234567890",
            "XI123456789",
        ] {
            assert_eq!(TaxId::parse(number).unwrap().as_str(), number);
        }
    }

    #[test]
    fn vat_numbers_of_another_shape_are_refused() {
        for number in [
            "AT12345678",
            "ATU1234567",
            "ATU123456789",
            "BE2123456789",
            "BE123456789",
            "CH123456789",
            "CHE12345678",
            "CHE123456789VAT",
            "CY123456789",
            "DE12345678",
            "DE1234567890",
            "DE12345678X",
            "EL12345678",
            "ES123456789",
            "FR123456789",
            "GB1234567",
            "GBXX123",
            "IE12345678",
            "IT1234567890",
            "NL123456789",
            "NL123456789A01",
            "NO12345678",
            "PL123456789",
            "RO1",
            "RO12345678901",
            "SE1234567890",
            "DE",
        ] {
            let refused = TaxId::parse(number).unwrap_err();
            assert_eq!(refused.code, "tax_id_invalid", "{number}");
            assert!(refused.detail.contains("VAT number"), "{number}");
        }
    }

    #[test]
    fn grouping_is_dropped_and_letters_become_capitals() {
        for (typed, id) in [
            ("de 123 456 789", "DE123456789"),
            ("CHE-123.456.789 MWST", "CHE123456789MWST"),
            ("12-3456789", "123456789"),
            (" nl123456789b01\n", "NL123456789B01"),
        ] {
            assert_eq!(TaxId::parse(typed).unwrap().as_str(), id);
        }
    }

    #[test]
    fn numbers_of_other_countries_pass_by_their_plain_shape() {
        for number in [
            "123456789",        // United States, EIN
            "12345678000195",   // Brazil, CNPJ
            "27AAPFU0939F1ZV",  // India, GSTIN
            "ATXPK1234F",       // India, PAN that starts as Austria's VAT number does
            "ROCE000131AB1",    // Mexico, RFC of a person that starts as Romania's does
            "ESA010101AB1",     // Mexico, RFC of a company that starts as Spain's does
            "FRRGNN80A01H501X", // Italy, codice fiscale that starts as France's does
            "T1234567890123",   // Japan
            "51824753556",      // Australia, ABN
        ] {
            assert_eq!(TaxId::parse(number).unwrap().as_str(), number);
        }
    }

    #[test]
    fn what_is_no_tax_id_is_refused() {
        for text in [
            "",
            " ",
            "1",
            "-",
            "1-",
            "123456789012345678901",
            "12/345/67890",
            "DE12345678９",
            "Ä1234",
            "12_34",
            "12\u{a0}34",
        ] {
            assert_eq!(TaxId::parse(text).unwrap_err().code, "tax_id_invalid", "{text:?}");
        }
    }

    #[test]
    fn prefixes_are_listed_once() {
        assert!(VAT_SHAPES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        // 27 EU members, Northern Ireland, Great Britain, Norway, Switzerland.
        assert_eq!(VAT_SHAPES.len(), 31);
    }

    #[test]
    fn json_is_the_code_and_a_refusal_keeps_its_code() {
        let currency: Currency = from_value(json!("chf")).unwrap();
        assert_eq!(to_value(currency).unwrap(), json!("CHF"));
        let refused = from_value::<Currency>(json!("coins")).unwrap_err().to_string();
        assert_eq!(from_wire(&refused).unwrap().0, "currency_unknown");
        let tax_id: TaxId = from_value(json!("fi 1234567-8")).unwrap();
        assert_eq!(to_value(&tax_id).unwrap(), json!("FI12345678"));
        let refused = from_value::<TaxId>(json!("?")).unwrap_err().to_string();
        assert_eq!(from_wire(&refused).unwrap().0, "tax_id_invalid");
    }

    proptest! {
        #[test]
        fn any_text_is_a_currency_that_parses_to_itself_or_is_refused(text in "[a-zA-Z]{3}|.*") {
            if let Ok(currency) = Currency::parse(&text) {
                prop_assert_eq!(Currency::parse(currency.as_str()), Ok(currency));
            }
        }

        #[test]
        fn any_text_is_a_tax_id_that_parses_to_itself_or_is_refused(text in "[A-Z]{2}[A-Za-z0-9 .-]{0,16}|.*") {
            if let Ok(id) = TaxId::parse(&text) {
                prop_assert_eq!(TaxId::parse(id.as_str()), Ok(id));
            }
        }

        #[test]
        fn a_number_without_letters_passes_at_any_length(number in "[0-9]{2,20}") {
            let parsed = TaxId::parse(&number).unwrap();
            prop_assert_eq!(parsed.as_str(), number);
        }
    }
}
