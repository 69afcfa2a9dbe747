/** Payment card numbers (ISO/IEC 7812): the networks' prefixes and lengths, and the Luhn check digit. Pure. */

export const SHORTEST_CARD = 12;
export const LONGEST_CARD = 19;

/** Whether digits are the number of a card: of a network that exists, with a check digit that is right. */
export function isCard(digits: string): boolean {
  return hasNetwork(digits) && passesLuhn(digits);
}

/** The prefixes keep apart what Luhn lets through by chance: one number in ten, milliseconds since 1970 among them. */
function hasNetwork(digits: string): boolean {
  const { length } = digits;
  const two = Number(digits.slice(0, 2));
  const four = Number(digits.slice(0, 4));
  switch (digits[0]) {
    case '4': // Visa
      return length === 13 || length === 16 || length === 19;
    case '3':
      if (two === 34 || two === 37) return length === 15; // American Express
      if (two === 30 || two === 36 || two === 38 || two === 39) return length >= 14 && length <= 19; // Diners Club
      return two === 35 && length >= 16 && length <= 19; // JCB
    case '2': // Mastercard, Mir
      return length === 16 && four >= 2200 && four <= 2720;
    case '5': // Mastercard, Maestro
      return (
        (two >= 51 && two <= 55 && length === 16) || (two === 50 || two >= 56 ? length >= 12 && length <= 19 : false)
      );
    case '6': // Discover, UnionPay, Maestro, RuPay
      return length >= 12 && length <= 19;
    case '8': // UnionPay, RuPay
      return (two === 81 || two === 82) && length >= 16 && length <= 19;
    case '9': // Troy
      return four === 9792 && length === 16;
    default:
      return false;
  }
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = digits.length - 1, double = false; index >= 0; index--, double = !double) {
    const digit = digits.charCodeAt(index) - 48;
    sum += double ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
  }
  return sum % 10 === 0;
}
