/** A label without its address: "Olivia Owner <olivia@acme.example>" is Olivia Owner. */
export const personName = (label: string) => label.replace(/^(.*\S)\s+<[^<>]*>$/, '$1');
