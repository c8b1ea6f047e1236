//! Currencies, and the exact monthly recurring revenue.

use super::lines::Line;
use mayuse_core::{Amount, BillingPeriod};
use rust_decimal::Decimal;

/// The currencies of the API.
const CURRENCIES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN \
BWP BYN BZD CAD CDF CHF CLP CNH CNY COP CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP \
GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP \
LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP \
PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLL SOS SRD SSP STD STN SVC SYP SZL THB TJS TMT TND TOP \
TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL";

/// The currencies without decimal places, and the currencies with three. All others have two.
const NO_DIGITS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
const THREE_DIGITS: &str = "BHD IQD JOD KWD LYD OMR TND";

fn lists(list: &str, code: &str) -> bool {
    list.split(' ').any(|listed| listed == code)
}

/// Whether the API has this currency.
pub(super) fn is_currency(code: &str) -> bool {
    lists(CURRENCIES, code)
}

/// The decimal places of a currency.
fn minor_digits(currency: &str) -> u32 {
    match currency {
        code if lists(NO_DIGITS, code) => 0,
        code if lists(THREE_DIGITS, code) => 3,
        _ => 2,
    }
}

/// The monthly recurring revenue of all lines, in the minor unit of the currency. It is rounded once, at the end,
/// half away from zero. None if it has too many digits.
pub(super) fn mrr_cents(lines: &[&Line], period: BillingPeriod, currency: &str) -> Option<i64> {
    let times_a_year = |line: &Line| line.period.unwrap_or(period).times_a_year();
    // In whole numbers, because a quotient of decimals would be rounded twice.
    let mut parts_of_year = 1_u64;
    for line in lines {
        let (_, interval) = times_a_year(line);
        parts_of_year = parts_of_year.checked_mul(interval.checked_div(common_divisor(parts_of_year, interval))?)?;
    }
    let mut total = Amount::ZERO;
    for line in lines {
        let (n, interval) = times_a_year(line);
        let times = u32::try_from(n.checked_mul(parts_of_year.checked_div(interval)?)?).ok()?;
        let of_line = line.fee.recurring.times(line.quantity.unwrap_or(1).into())?.times(times.into())?;
        total = total.plus(of_line)?;
    }
    let total = Decimal::from_str_exact(&total.to_string()).ok()?;
    let minor = total.mantissa().checked_mul(10_i128.checked_pow(minor_digits(currency))?)?;
    let parts = 10_i128.checked_pow(total.scale())?.checked_mul(12)?.checked_mul(parts_of_year.into())?;
    let rounded = minor.checked_mul(2)?.checked_add(parts)?.checked_div(parts.checked_mul(2)?)?;
    i64::try_from(rounded).ok()
}

fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a.checked_rem(b).unwrap_or_default());
    }
    a
}
