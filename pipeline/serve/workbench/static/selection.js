// What is lit or picked: claims and regions of one result, as lists of indices.

const NOTHING = { claims: [], regions: [] };

function indices(text) {
  return text ? text.split(/[\s,]+/).filter(Boolean).map(Number) : [];
}

function isNothing(what) {
  return !what.claims.length && !what.regions.length;
}

function isSame(one, other) {
  return one.claims.join() === other.claims.join() && one.regions.join() === other.regions.join();
}

function ofClaims(data, claims) {
  const known = claims.filter((claim) => data.claims[claim]);
  const regions = new Set(known.flatMap((claim) => data.claims[claim].regions));
  return { claims: known, regions: [...regions] };
}

// Regions with those of the same names in other frames.
function ofRegions(data, regions) {
  const known = regions.filter((region) => data.regions[region]);
  const names = new Set(known.map((region) => data.regions[region].name));
  const every = data.regions.map((region, index) => index).filter((index) => names.has(data.regions[index].name));
  return { claims: [], regions: every };
}

// What an element stands for, by its attributes data-claims, data-claim or data-regions.
function ofElement(data, element) {
  const { claims, claim, regions } = element.dataset;
  if (claims || claim) return ofClaims(data, indices(claims || claim));
  return ofRegions(data, indices(regions));
}

// Frames that show it, the best first.
function framesOf(data, what) {
  const wanted = what.claims.length
    ? what.claims.flatMap((claim) => data.claims[claim].frames)
    : what.regions.map((region) => data.regions[region].frame);
  return wanted.filter((index) => data.frames.some((frame) => frame.index === index));
}

function isLit(element, what) {
  const { claims, claim, regions } = element.dataset;
  const own = indices(claims || claim);
  if (own.length) return own.some((index) => what.claims.includes(index));
  return indices(regions).some((index) => what.regions.includes(index));
}
