# Shop A before and after, in a few lines: five mugs, and two carts of two.
#
# HOLDFAST_DATABASE_URL names the ledger's database, under the role that owns it, and TEMPORAL_ADDRESS
# Temporal; `make dev` prints both. Nothing of the shop stays afterwards.

require_relative "models"
require_relative "checkout"

PLAN = "examples/adopting/shop_a/plan.toml"
TABLES = %w[cart_items carts products ar_internal_metadata].freeze

def adopt(verb)
  system("python", "-m", "worker", "adopt", verb, PLAN)
end

def type(verb)
  puts "$ python -m worker adopt #{verb} #{PLAN}"
  adopt(verb) || exit(1)
end

def told(what)
  mug = Product.first
  puts "  #{what}; #{mug.stock_quantity} mugs, #{mug.reserved_quantity} reserved, " \
       "carts #{Cart.order(:id).pluck(:status).join(", ")}"
end

# The checkout service, for as long as the block runs.
def with_service
  service = IO.popen(["python", "-m", "examples.adopting.service"])
  ENV["CHECKOUT_SERVICE"] = service.gets&.chomp || abort("the checkout service did not start")
  yield
ensure
  Process.kill("TERM", service.pid) if service
end

Dir.chdir(File.expand_path("../../..", __dir__))
$stdout.sync = true
url = ENV["HOLDFAST_DATABASE_URL"]
abort "HOLDFAST_DATABASE_URL is not set: `make dev` prints it after database=" unless url
ActiveRecord::Base.establish_connection(url)
# A schema that is named as the role, such as the ledger's, would come first.
ActiveRecord::Base.connection.schema_search_path = "public"
taken = TABLES & ActiveRecord::Base.connection.tables
abort "there is a table #{taken.first} in this database already: nothing was done" if taken.any?

begin
  require_relative "schema"
  mug = Product.create!(sku: "ADOPTED-A", name: "Mug", stock_quantity: 5)
  # Carts of its own each time, as buyers have.
  first = Time.now.to_i
  2.times { |n| CartItem.create!(cart: Cart.create!(id: first + n), product: mug, quantity: 2) }
  puts "before: its own code alone"
  told "buy the first cart: #{Before.buy(Cart.find(first))}"
  type "check"
  type "apply"
  puts "after: Holdfast beside its code"
  with_service do
    told "buy the second: #{After.buy(Cart.find(first + 1), 1, "pay-#{first}")}"
  end
  type "leave"
ensure
  system("python", "-m", "worker", "adopt", "leave", PLAN, out: File::NULL, err: File::NULL)
  TABLES.each { |table| ActiveRecord::Base.connection.drop_table(table, if_exists: true) }
end
