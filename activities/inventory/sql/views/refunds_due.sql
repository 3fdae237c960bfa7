-- Payments that somebody has to give back, and since when.
CREATE VIEW holdfast.refunds_due AS
SELECT p.payment_reference, p.checkout_id, r.customer_id, p.reason, p.changed_at AS due_at,
       extract(epoch FROM moment.at - p.changed_at)::double precision AS due_seconds
  FROM holdfast.payments AS p
  LEFT JOIN LATERAL (SELECT customer_id
                       FROM holdfast.reservations
                      WHERE checkout_id = p.checkout_id
                      ORDER BY attempt DESC
                      LIMIT 1) AS r ON true,
       (SELECT holdfast.clock() AS at OFFSET 0) AS moment
 WHERE p.state = 'refund_due';
