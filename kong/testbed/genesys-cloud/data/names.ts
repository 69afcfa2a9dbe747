/**
 * Plainly fictional words that people, addresses and phone numbers of the simulated organisation are made of: names of
 * things for names of people, example.com (RFC 2606), 555-01xx numbers (reserved for fiction).
 */
import type { Random } from './random.js';

const FIRST_NAMES = [
  'Amber',
  'Basil',
  'Clover',
  'Dusty',
  'Ember',
  'Fern',
  'Garnet',
  'Hazel',
  'Iris',
  'Jasper',
  'Kestrel',
  'Linden',
  'Maple',
  'Nettle',
  'Olive',
  'Pepper',
  'Quill',
  'Rowan',
  'Sage',
  'Tansy',
  'Umber',
  'Violet',
  'Willow',
  'Yarrow',
] as const;

const LAST_NAMES = [
  'Anvil',
  'Barometer',
  'Compass',
  'Doorbell',
  'Easel',
  'Funnel',
  'Gimbal',
  'Hammock',
  'Inkwell',
  'Jigsaw',
  'Kettle',
  'Lantern',
  'Mandolin',
  'Notebook',
  'Otterbox',
  'Pendulum',
  'Quiver',
  'Ratchet',
  'Spindle',
  'Teapot',
  'Umbrella',
  'Vessel',
  'Whistle',
  'Zipper',
] as const;

export const DEPARTMENTS = ['Sales', 'Support', 'Billing', 'Operations', 'Quality', 'Training'] as const;
export const TITLES = ['Agent', 'Senior Agent', 'Team Lead', 'Supervisor', 'Analyst', 'Administrator'] as const;

/** A person that does not exist. */
export interface FictionalPerson {
  firstName: string;
  lastName: string;
  name: string;
  email: string;
}

/** @param index keeps names and addresses apart */
export function fictionalPerson(random: Random, index: number, mailbox: string): FictionalPerson {
  const firstName = random.pick(FIRST_NAMES);
  const lastName = random.pick(LAST_NAMES);
  return {
    firstName,
    lastName,
    name: `${firstName} ${lastName} ${String(index + 1).padStart(4, '0')}`,
    email: `${firstName}.${lastName}.${index + 1}@${mailbox}.example.com`.toLowerCase(),
  };
}

/** A number that is reserved for fiction, in E.164: +1 <area> 555 01xx. */
export function fictionalNumber(random: Random): string {
  return `+1${random.int(201, 989)}55501${String(random.int(0, 99)).padStart(2, '0')}`;
}

/** The number as people write it. */
export function displayNumber(e164: string): string {
  return `+1 ${e164.slice(2, 5)}-${e164.slice(5, 8)}-${e164.slice(8)}`;
}
