#!/bin/sh
# The namespace, how long it remembers what has ended, and the search attributes by which support
# finds checkouts. Safe to run again: what is there stays, and the retention is what is set now.
# Temporal's address and the namespace are read from TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.
set -eu

: "${TEMPORAL_NAMESPACE:?set TEMPORAL_NAMESPACE}"
: "${RETENTION:?set RETENTION, such as 336h}"

if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
else
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
fi

add_search_attributes() {
  temporal operator search-attribute create \
    --name CheckoutStatus --type Keyword \
    --name CustomerId --type Keyword \
    --name CartId --type Keyword \
    --name Skus --type KeywordList
}

# The server knows a new namespace a moment later than it says so.
tries_left=30
until add_search_attributes 2>/dev/null; do
  tries_left=$((tries_left - 1))
  if [ "$tries_left" -eq 0 ]; then
    # Once more, to say why.
    add_search_attributes
    exit
  fi
  sleep 1
done
