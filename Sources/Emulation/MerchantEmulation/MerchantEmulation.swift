// MerchantEmulation: a merchant's hand at the terminal's page, without a browser.
//
// Purpose: give the page's own HTTP orders, with its cookie and its session token, and read where
// the checkout stands.
// Promises: nothing is asked that the page does not ask itself; an answer that does not come or is
// not understood is a "no", never an error.
// Does not promise: what a browser does with the page (the tests drive Chromium for that).
// Threads: one. Units: cents.
