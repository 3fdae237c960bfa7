# The checkout of shop A, before and after.
#
# After, Rails asks the shop's checkout service, which holds the cart itself: `from_cart`. Ruby needs
# nothing but HTTP; examples/adopting/service.py is the service.

require "json"
require "net/http"
require "zlib"

# One in a hundred, and then more: the same carts each time, whoever asks.
def by_holdfast?(cart, percent)
  Zlib.crc32(cart.id.to_s) % 100 < percent
end

module Before
  # It looks, then increments: two at once may have both looked. Whoever gives up must release.
  def self.buy(cart)
    cart.cart_items.each do |item|
      return "sold out" unless item.product.reserve_stock!(item.quantity)
    end
    cart.checked_out!
    "bought"
  end
end

module After
  # The attempt's number is in its id, so that a cart that expired can be bought again.
  def self.buy(cart, attempt, payment)
    checkout = "cart-#{cart.id}-#{attempt}"
    held = ask(checkout, "hold", cart_id: cart.id.to_s)
    return "sold out" if held["status"] == "denied"
    # The cart becomes checked_out in the transaction that takes the units off.
    ask(checkout, "pay", payment: payment)["status"] == "fulfilled" ? "bought" : "too late"
  end

  def self.ask(checkout, verb, **body)
    uri = URI("#{ENV.fetch("CHECKOUT_SERVICE")}/#{checkout}/#{verb}")
    JSON.parse(Net::HTTP.post(uri, JSON.generate(body), "Content-Type" => "application/json").body)
  end
end
