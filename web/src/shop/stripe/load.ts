/** The loading of Stripe's own script, which Stripe forbids to copy. */

import type { Stripe } from "@stripe/stripe-js";
import { loadStripe as load } from "@stripe/stripe-js/pure";

/**
 * Loads Stripe's script, when it is first needed.
 *
 * @param key The publishable key of the shop's account.
 * @throws Error if the script cannot be loaded.
 */
export async function loadStripe(key: string): Promise<Stripe> {
  const stripe = await load(key);
  if (stripe === null) throw new Error("Stripe's script needs a browser");
  return stripe;
}

/** Lets the customer approve a payment in a window of the bank. */
export async function approve(key: string, clientSecret: string): Promise<void> {
  const stripe = await loadStripe(key);
  const { error } = await stripe.handleNextAction({ clientSecret });
  if (error) throw new Error(error.message ?? "The payment was not approved.");
}
