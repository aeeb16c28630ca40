// The number on a card: twelve digits, the last of which tells a wrong one at once (Luhn).

/// Digits of a number.
export const LENGTH = 12;

/// True for a whole number whose last digit is right.
export function isNumber(digits) {
  const sum = [...digits].reverse().map(Number).reduce((total, digit, index) => {
    const value = index % 2 === 0 ? digit : digit * 2;
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return digits.length === LENGTH && sum % 10 === 0;
}

/// True for a whole number whose last digit is not.
export const isWrong = (digits) => digits.length === LENGTH && !isNumber(digits);

/// In groups of four, as it is printed on a card.
export const grouped = (digits, space = "\u00a0") => digits.replace(/(.{4})(?=.)/g, `$1${space}`);
